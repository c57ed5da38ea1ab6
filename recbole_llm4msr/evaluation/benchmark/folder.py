"""The folders that a benchmark reads and writes: whose they are, and what is in them."""

from __future__ import annotations

import hashlib
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from recbole_llm4msr.evaluation.benchmark.study import StudyError, read_mapping

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None

#: Endings of the files of a data set that hold its rows; copies and archives lie beside them.
_ATOMIC = (".inter", ".user", ".item", ".scenario")


@contextmanager
def sole_user(folder: Path) -> Iterator[None]:
    """Keep other benchmarks out of a folder meanwhile, and let a kill clean up like Ctrl-C.

    The lock ends with the process, however that ends.

    Raises:
        StudyError: Another benchmark is running there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with (folder / ".lock").open("w") as lock:
            try:
                if fcntl is not None:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise StudyError(
                    f"{folder}: another benchmark is running in this folder; wait for it, or give "
                    "another --output"
                ) from error
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


@cache
def fingerprint(dataset: str, data_path: str | None) -> str | None:
    """Says what the files of a data set hold; a gigabyte takes a second or two.

    ``None`` for a data set that is not there: one that comes with RecBole, or is yet to be made.

    Args:
        dataset: Name of the data set.
        data_path: Folder that holds the data set's folder; ``None`` for the default.
    """
    folder = Path(data_path or "dataset") / dataset
    files = sorted(
        file for file in folder.glob(f"{dataset}.*") if file.suffix in _ATOMIC and file.is_file()
    )
    if not files:
        return None
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name} {file.stat().st_size}".encode())
        with file.open("rb") as content:
            while block := content.read(1 << 20):
                digest.update(block)
    own = folder / f"{dataset}.yaml"
    if own.is_file():  # what it says, not how
        digest.update(json.dumps(read_mapping(own), sort_keys=True, default=str).encode())
    return digest.hexdigest()[:32]
