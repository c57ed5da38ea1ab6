"""Temporary names beside a file or folder; replacement of folders; removal of abandoned files.

A name tells which process writes it. Only names of processes of this machine (of this process
namespace, in a container) are judged: on a shared disk another machine's process cannot be seen.
"""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import shutil
import socket
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

_WRITING = ".writing-"
_FORMER = ".former-"  # a folder that is being replaced
_NAMESPACE = Path("/proc/self/ns/pid")  # Linux

#: How often a rename is tried while other processes replace the same folder.
_ATTEMPTS = 200


def staging_path(path: str | Path) -> Path:
    """Return an unused hidden path beside ``path`` to write to before renaming it to ``path``."""
    return _marked(Path(path), _WRITING)


def remove_abandoned(folder: str | Path, name: str | None = None) -> list[Path]:
    """Remove the temporary files and folders in ``folder`` whose process has ended.

    Args:
        folder: A folder in which paths of :func:`staging_path` are written; may be absent.
        name: Remove only those for a file or folder of this name.

    Returns:
        The removed paths. What cannot be removed (a read-only folder) is left.
    """
    removed = []
    for path in _of_ended_processes(Path(folder), name, _WRITING):
        try:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        except OSError:
            continue
        removed.append(path)
    return removed


def replace_folder(
    staging: Path, output: Path, check: Callable[[], None] = lambda: None
) -> list[Path]:
    """Rename a folder to ``output``, in the place of one that is there; safe for several at once.

    Every process moves away what it finds, so that the last one's folder stays.

    Args:
        staging: The new folder, beside ``output``.
        output: Its final path.
        check: Called before a folder that is there is moved away; may raise.

    Returns:
        Where the folders are that were there, for the caller to empty and remove. Until then, and
        where this process is killed, :func:`interrupted_replacements` returns them.
    """
    moved: list[Path] = []
    try:
        for _ in range(_ATTEMPTS):
            try:
                staging.rename(output)
                return moved
            except OSError as error:
                if not _is_occupied(error):
                    raise
            check()
            former = _marked(output, _FORMER)
            with suppress(FileNotFoundError):  # another process has moved it away
                output.rename(former)
                moved.append(former)
        raise OSError(errno.EBUSY, "other processes replace it all the time", str(output))
    except BaseException:
        if moved:
            with suppress(OSError):  # there is one again
                moved[-1].rename(output)
        raise


def interrupted_replacements(output: Path) -> list[Path]:
    """Return what :func:`replace_folder` moved away in processes that ended in the middle.

    Where there is no folder ``output``, the last one is renamed to it.
    """
    found = _of_ended_processes(output.parent, output.name, _FORMER)
    found.sort(key=_time_of_change)
    if found and not output.exists():
        with suppress(OSError):  # another process did the same
            found[-1].rename(output)
            found.pop()
    return found


def _time_of_change(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another process has removed it
        return 0.0


def move_into(path: Path, folder: Path) -> None:
    """Move a file or folder into a folder that other processes may be replacing.

    A file of its name that is there already is kept; two folders of one name are merged.
    """
    target = folder / path.name
    for _ in range(_ATTEMPTS):
        try:
            if target.is_file() and path.is_file():
                path.unlink()
            elif target.is_dir() and path.is_dir():
                for child in list(path.iterdir()):
                    move_into(child, target)
                path.rmdir()
            else:
                path.rename(target)
            return
        except FileNotFoundError:
            if not path.exists():  # another process has moved it
                return
        except OSError as error:
            if not _is_occupied(error):
                raise
        time.sleep(0.01)
    raise OSError(errno.EBUSY, f"could not be moved to {folder}", str(path))


def _is_occupied(error: OSError) -> bool:
    """Whether a rename failed because of what is there under the name."""
    occupied = {errno.ENOTEMPTY, errno.EEXIST}
    return error.errno in (occupied | {errno.EACCES} if os.name == "nt" else occupied)


def _marked(path: Path, mark: str) -> Path:
    return path.with_name(f".{path.name}{mark}{this_process()}-{uuid.uuid4().hex[:8]}")


def _of_ended_processes(folder: Path, name: str | None, mark: str) -> list[Path]:
    pattern = "*" if name is None else glob.escape(name)
    found = []
    for path in folder.glob(f".{pattern}{mark}{_machine()}-*"):
        machine, number, *_ = path.name.rpartition(mark)[2].split("-")
        if has_ended(f"{machine}-{number}"):
            found.append(path)
    return found


def this_process() -> str:
    """Return a name of this process, as :func:`has_ended` reads it."""
    return f"{_machine()}-{os.getpid()}"


def has_ended(process: str) -> bool:
    """Whether a process named by :func:`this_process` ran on this machine and has ended."""
    machine, _, number = process.partition("-")
    return machine == _machine() and number.isdigit() and not psutil.pid_exists(int(number))


def _machine() -> str:
    """Return 8 hexadecimal digits for the host and the namespace of its process numbers."""
    try:
        namespace = str(_NAMESPACE.stat().st_ino)
    except OSError:
        namespace = ""
    return hashlib.sha256(f"{socket.gethostname()} {namespace}".encode()).hexdigest()[:8]
