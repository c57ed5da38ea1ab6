"""Users and items that are empty or that have several rows in their file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from recbole.data.dataset import Dataset

#: Lines of a file that a message lists before it only counts.
_SHOWN = 5


def warn_of_repeated_keys(dataset: Dataset, frame: pl.DataFrame, key: str, path: Path) -> None:
    """Warn of users or items that have several different rows in their file; the first one counts.

    Args:
        dataset: Whose logger is used.
        frame: The rows of the file.
        key: Column of the ids.
        path: The file.
    """
    distinct = frame.with_row_index("line", offset=2).unique(frame.columns, keep="first")
    repeated = distinct.filter(distinct[key].is_duplicated()).sort("line")
    if repeated.height:
        ids = repeated[key].unique(maintain_order=True)
        lines = repeated.filter(repeated[key] == ids[0])["line"].to_list()
        dataset.logger.warning(
            "%s: %d values of %s have several different rows, of which the first is used: %s in "
            "lines %s, for example",
            path,
            len(ids),
            key,
            ids[0],
            ", ".join(map(str, lines[:3])),
        )


def drop_empty_keys(dataset: Dataset) -> None:
    """Drop the rows whose user or item is empty, and warn with their number and the first lines.

    Args:
        dataset: A data set whose files have been loaded.
    """
    for key, side in ((dataset.uid_field, "user"), (dataset.iid_field, "item")):
        for name in (side, "inter"):
            feat = getattr(dataset, f"{name}_feat")
            if feat is None or key not in feat:
                continue
            empty = np.flatnonzero(feat[key].isna())
            if len(empty):
                lines = [str(line) for line in feat.index[empty[: _SHOWN + 1]] + 2]
                dataset.logger.warning(
                    "%s.%s: %s is empty in %s rows, which are dropped: line%s %s%s",
                    dataset.dataset_name,
                    name,
                    key,
                    f"{len(empty):,}",
                    "s" * (len(empty) > 1),
                    ", ".join(lines[:_SHOWN]),
                    ", ..." * (len(empty) > _SHOWN),
                )
                feat.drop(feat.index[empty], inplace=True)
