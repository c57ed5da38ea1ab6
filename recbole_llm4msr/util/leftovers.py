"""Unfinished files of processes that were killed: recognised by the lock that a writer holds."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: nothing is locked, and nothing is removed
    fcntl = None

#: Length of the random end of a temporary name, see :mod:`recbole_llm4msr.util.atomic_write`.
_RANDOM = "[0-9a-f]" * 12


@contextlib.contextmanager
def locked(temporary: str | Path) -> Iterator[None]:
    """Create a temporary file and hold its lock in the block; the system drops it with the process.

    The block writes to the file without replacing it.
    """
    if fcntl is None:
        yield
        return
    while True:
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT, 0o666)
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _is_same_file(descriptor, temporary):
            break
        os.close(descriptor)  # removed between its creation and its lock
    try:
        yield
    finally:
        os.close(descriptor)


def remove_leftovers(folder: str | Path, name: str) -> list[Path]:
    """Remove the temporary files of a folder whose writers are gone.

    Args:
        folder: The folder.
        name: Pattern of the temporary names without their random end, as ``.*.pth``.

    Returns:
        The removed files.
    """
    removed = []
    for file in sorted(Path(folder).glob(f"{name}.{_RANDOM}")) if fcntl is not None else []:
        with contextlib.suppress(OSError):  # in use, or removed by another process
            descriptor = os.open(file, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_same_file(descriptor, file):
                    file.unlink()
                    removed.append(file)
            finally:
                os.close(descriptor)
    return removed


def _is_same_file(descriptor: int, path: str | Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), Path(path).stat())
    except FileNotFoundError:
        return False
