"""The folders for files derived from a data set (cache, knowledge): beside it where writable."""

from __future__ import annotations

import tempfile
from pathlib import Path


def companion_folder(data_path: str | Path | None, dataset: str, name: str) -> Path:
    """Choose the folder ``name`` of a data set: beside its files, or below the current folder.

    Beside its files unless they cannot be written to or lie inside an installed package (RecBole's
    ml-100k); then it is ``dataset/<dataset>/<name>`` here.
    """
    if data_path:
        folder = Path(data_path)
        installed = {"site-packages", "dist-packages"} & set(folder.resolve().parts)
        if not installed and _writable(folder):
            return folder / name
    return Path("dataset") / dataset / name


def read_only(folder: Path) -> bool:
    """Whether a folder is there and cannot be written to."""
    return folder.is_dir() and not _writable(folder)


def _writable(folder: Path) -> bool:
    """Check the mode and try to write: root may write to a folder that is marked read-only."""
    if not folder.is_dir() or not folder.stat().st_mode & 0o222:
        return False
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
