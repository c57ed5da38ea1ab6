"""Write files atomically: a reader sees the complete file or none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dataset_converters.full_disk import naming_full_disk
from recbole_llm4msr.util.staging import remove_abandoned, staging_path


@contextmanager
def atomic_write(path: str | Path, needed: int | None = None, **more: str) -> Iterator[Path]:
    """Yield a temporary path to write to, which is renamed to ``path`` when the block ends.

    Where the block fails, or writes nothing, ``path`` is left as it was. The folder is made. The
    data is flushed to the disk before the rename, so that a crash leaves no partial file. A killed
    process leaves its temporary file, which the next write of ``path`` removes.

    Args:
        path: The file to write.
        needed: Its size in bytes, where it is known, for the message about a full disk.
        more: ``kept`` of that message.

    Raises:
        FullDiskError: The disk is full.
    """
    path = Path(path)
    temporary = staging_path(path)
    with naming_full_disk(path, temporary, needed, **more):
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(path.parent, path.name)
    try:
        with naming_full_disk(path, temporary, needed, **more):
            yield temporary
            if temporary.exists():
                with temporary.open("rb+") as file:
                    os.fsync(file.fileno())
                temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
