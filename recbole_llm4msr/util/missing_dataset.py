"""The error for a data set whose folder does not exist: it names the data sets that do."""

from __future__ import annotations

import difflib
from pathlib import Path


def missing_dataset(name: str, folder: Path) -> FileNotFoundError:
    """Make the error for a data set without a folder.

    Args:
        name: Name of the data set.
        folder: The folder that does not exist; its neighbours are listed.
    """
    parent = folder.parent
    if len(Path(name).parts) == 1 and (parent / f"{name}.inter").is_file():
        return FileNotFoundError(
            f"dataset: {name}.inter lies in {parent} itself; set --data_path to the folder above, "
            f"--data_path={parent.parent}"
        )
    if len(Path(name).parts) > 1:
        return FileNotFoundError(
            f"dataset: {name!r} is a path, and a data set is a name; write "
            f"--data_path={Path(name).parent} --dataset={Path(name).name}"
        )
    existing = sorted({file.parent.name for file in parent.glob("*/*.inter")})
    near = difflib.get_close_matches(name, [*existing, "ml-100k"], n=1)
    return FileNotFoundError(
        f"dataset: there is no data set {name!r} in {parent.resolve()}"
        + (f"; it has {', '.join(existing)}" if existing else "")
        + (f". Did you mean {near[0]}?" if near else ".")
        + " Set --data_path to the folder that holds the data set's folder, or convert raw files "
        "with `python -m dataset_converters --help`."
    )
