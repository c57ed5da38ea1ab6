"""Write files atomically: a reader sees the complete file or none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recbole_llm4msr.util.staging import staging_path


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path to write to, which is renamed to ``path`` when the block ends.

    Where the block fails, or writes nothing, ``path`` is left as it was. The folder is made. The
    data is flushed to the disk before the rename, so that a crash leaves no partial file. A killed
    process leaves its temporary file: see :func:`~recbole_llm4msr.util.staging.remove_abandoned`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = staging_path(path)
    try:
        yield temporary
        if temporary.exists():
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
