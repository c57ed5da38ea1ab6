"""Names of temporary files and folders, and removal of those that a killed process left behind.

A name tells which process writes it. Only names of processes of this machine (of this process
namespace, in a container) are judged: on a shared disk another machine's process cannot be seen.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import uuid
from pathlib import Path

import psutil

_MARK = ".writing-"
_NAMESPACE = Path("/proc/self/ns/pid")  # Linux


def staging_path(path: str | Path) -> Path:
    """Return an unused hidden path beside ``path`` to write to before renaming it to ``path``."""
    path = Path(path)
    name = f".{path.name}{_MARK}{_machine()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    return path.with_name(name)


def remove_abandoned(folder: str | Path) -> list[Path]:
    """Remove the temporary files and folders in ``folder`` whose process has ended.

    Args:
        folder: A folder in which paths of :func:`staging_path` are written; may be absent.

    Returns:
        The removed paths. What cannot be removed (a read-only folder) is left.
    """
    removed = []
    for path in Path(folder).glob(f".*{_MARK}{_machine()}-*"):
        process = path.name.rpartition(_MARK)[2].split("-")[1]
        if not process.isdigit() or psutil.pid_exists(int(process)):
            continue
        try:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        except OSError:
            continue
        removed.append(path)
    return removed


def _machine() -> str:
    """Return 8 hexadecimal digits for the host and the namespace of its process numbers."""
    try:
        namespace = str(_NAMESPACE.stat().st_ino)
    except OSError:
        namespace = ""
    return hashlib.sha256(f"{socket.gethostname()} {namespace}".encode()).hexdigest()[:8]
