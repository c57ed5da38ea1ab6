"""The error for a full disk: one sentence with path, needed and free space."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_TEXTS = ("No space left on device", "Disk quota exceeded", "File too large")  # of libraries


_KEPT = (
    "what was there before is as it was. Free some space, or give another place, and run the "
    "same command again"
)

_NUMPY = re.compile(r"\d+ requested and \d+ written")  # numpy's words, without an error number


class FullDiskError(OSError):
    """A file or folder could not be written: the disk, or the user's share of it, is full."""

    @classmethod
    def of(
        cls,
        path: Path,
        partial: Path,
        needed: int | None = None,
        reason: str = _TEXTS[0],
        kept: str = _KEPT,
    ) -> FullDiskError:
        """Make the error for one path.

        Args:
            path: What was to be written.
            partial: The unfinished file or folder, whose space is free when it is removed.
            needed: Size in bytes, where it is known.
            reason: The system's reason.
            kept: What is as it was, and what to do.
        """
        path = path.absolute()
        free = free_beside(partial)
        need = f"more than {in_bytes(free)}" if needed is None else f"about {in_bytes(needed)}"
        return cls(
            f"{path} could not be written ({reason}): it needs {need}, {in_bytes(free)} are free "
            f"there; {kept}."
        )


@contextmanager
def naming_full_disk(
    path: str | Path, partial: str | Path | None = None, needed: int | None = None, **more: str
) -> Iterator[None]:
    """Turn the error of a write to a full disk into :class:`FullDiskError`.

    Args:
        path: What the block writes.
        partial: Where it writes that at first.
        needed: Size in bytes, where it is known.
        more: ``kept`` of the error.
    """
    try:
        yield
    except FullDiskError:
        raise
    except Exception as error:
        reason = reason_of(error)
        if reason is None:
            raise
        partial = Path(path if partial is None else partial)
        raise FullDiskError.of(Path(path), partial, needed, reason, **more) from error


def reason_of(error: BaseException | None) -> str | None:
    """Return the system's words for a full disk, ``None`` for any other error.

    Libraries that write files themselves (polars, safetensors) pass the words on in their errors.
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return error.strerror or _TEXTS[0]
        for text in _TEXTS:
            if text in str(error):
                return text
        if isinstance(error, OSError) and _NUMPY.fullmatch(str(error)):
            return _TEXTS[0]
        error = error.__cause__ or error.__context__
    return None


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files of a folder; 0 where there is none."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def in_bytes(count: int) -> str:
    """Return a size in GB, MB or bytes."""
    if count >= 1e9:
        return f"{count / 1e9:,.1f} GB"
    return f"{count / 1e6:,.1f} MB" if count >= 1e5 else f"{count:,} bytes"


def free_beside(partial: Path) -> int:
    """Return the free bytes of a disk once an unfinished file or folder on it is removed."""
    return _free(partial.absolute().parent) + size_of(partial)


def _free(folder: Path) -> int:
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free
