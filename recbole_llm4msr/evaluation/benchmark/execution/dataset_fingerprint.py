"""Fingerprint of a data set's files, by which a run is known to be of the same data."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

from recbole_llm4msr.evaluation.benchmark.plan import read_mapping

#: Endings of the atomic files of a data set; copies and archives beside them are not read.
_ATOMIC = (".inter", ".user", ".item", ".scenario")


@cache
def dataset_fingerprint(dataset: str, data_path: str | None) -> str | None:
    """Return 32 hex digits of SHA-256 over the files of a data set; a gigabyte takes seconds.

    ``None`` if the folder has no such files: RecBole's own data sets, or one not yet converted.

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
    settings = folder / f"{dataset}.yaml"
    if settings.is_file():  # its values, so that comments and order do not count
        digest.update(json.dumps(read_mapping(settings), sort_keys=True, default=str).encode())
    return digest.hexdigest()[:32]
