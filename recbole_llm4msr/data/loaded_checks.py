"""Checks of the files of a data set as they were loaded, before a row is filtered or filled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from recbole.data.dataset import Dataset
from recbole.utils import FeatureType

#: Times that exceed the median by this factor are in another unit than the others.
_OTHER_UNIT = 100

#: Rows of which the median time is taken.
_LOOKED_AT = 100_000


def check_loaded(dataset: Dataset, folder: str | Path) -> None:
    """Refuse files that would give other rows, labels or times than they show.

    Args:
        dataset: A data set whose files have been loaded, as data frames.
        folder: The data set's folder.

    Raises:
        ValueError: A column, a file or a value is missing, stands in two files or has the wrong
            type; the message names the setting or the line and the remedy.
    """
    _check_filters(dataset)
    _check_ids(dataset)
    _check_side_files(dataset, Path(folder))
    _check_columns_of_two_files(dataset)
    _check_threshold(dataset)
    _check_label(dataset)
    _check_time(dataset)


def lines_of(mask: pd.Series | np.ndarray, dataset: Dataset) -> str:
    """Describe the marked interactions: how many, and the line of the first where it is known."""
    rows = np.flatnonzero(np.asarray(mask))
    if dataset.benchmark_filename_list:  # the rows of several files, one after the other
        return f"{len(rows):,} rows"
    return f"{len(rows):,} rows, the first in line {rows[0] + 2} of {dataset.dataset_name}.inter"


def _check_filters(dataset: Dataset) -> None:
    if not dataset.benchmark_filename_list:
        return
    config = dataset.config
    without_effect = [key for key in ("val_interval", "rm_dup_inter") if config[key]]
    without_effect += [
        key
        for key in ("user_inter_num_interval", "item_inter_num_interval")
        if config[key] not in (None, "[0,inf)")
    ]
    if without_effect:
        raise ValueError(
            f"{', '.join(without_effect)}: RecBole does not filter splits given as files "
            "(benchmark_filename); filter the files, or leave the setting out"
        )


def _check_ids(dataset: Dataset) -> None:
    for key, field in (
        ("USER_ID_FIELD", dataset.uid_field),
        ("ITEM_ID_FIELD", dataset.iid_field),
    ):
        if field is not None and field not in dataset.inter_feat:
            raise ValueError(
                f"{key}: the interactions of {dataset.dataset_name} have no column {field!r}; "
                f"loaded are {', '.join(dataset.inter_feat)}. Name the column that holds the ids "
                "(a session id may stand for a user), or read it (load_col)."
            )
        if dataset.benchmark_filename_list and field is not None:
            empty = dataset.inter_feat[field].isna()
            if empty.any():
                raise ValueError(
                    f"{field} is empty in {lines_of(empty, dataset)} of the parts of "
                    "benchmark_filename, which RecBole does not filter; remove these rows"
                )


def _check_side_files(dataset: Dataset, folder: Path) -> None:
    columns = dataset.config["load_col"] or {}
    for source in ("user", "item"):
        path = folder / f"{dataset.dataset_name}.{source}"
        if columns.get(source) and not path.is_file():
            raise ValueError(
                f"load_col: {source}: {columns[source]} are to be read and there is no file "
                f"{path}; add the file, or leave {source} out of load_col"
            )


def _check_columns_of_two_files(dataset: Dataset) -> None:
    feats = [
        (suffix, feat)
        for suffix, feat in (
            ("inter", dataset.inter_feat),
            ("user", dataset.user_feat),
            ("item", dataset.item_feat),
        )
        if feat is not None
    ]
    keys = {dataset.uid_field, dataset.iid_field}
    for number, (one, first) in enumerate(feats):
        for other, second in feats[number + 1 :]:
            twice = [field for field in first if field in second and field not in keys]
            if twice:
                name = dataset.dataset_name
                raise ValueError(
                    f"load_col: the column {', '.join(twice)} stands in {name}.{one} and in "
                    f"{name}.{other}, and the values of {name}.{other} would replace the others. "
                    "Read it from one of the two files (load_col or unload_col), or rename one."
                )


def _check_threshold(dataset: Dataset) -> None:
    threshold = dataset.config["threshold"]
    if threshold is None:
        return
    wanted = "threshold: {rating: 4} makes the label 1 where rating is at least 4"
    if not isinstance(threshold, dict) or len(threshold) != 1:
        raise ValueError(f"threshold: {threshold!r} is not one field with a number; {wanted}")
    ((field, value),) = threshold.items()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"threshold: {field}: {value!r} is not a number; {wanted}")
    rows = dataset.inter_feat
    if field not in rows:
        raise ValueError(
            f"threshold: the interactions of {dataset.dataset_name} have no field {field!r}; "
            f"loaded are {', '.join(rows)}"
        )
    if dataset.field2type[field] != FeatureType.FLOAT:
        raise ValueError(f"threshold: {field} is not a number's field; write {field}:float")
    _refuse_empty(dataset, field, "threshold would make labels of them")
    label = dataset.label_field
    if label in rows and label != field:
        dataset.logger.warning(
            "threshold: the labels of the column %s are replaced by %s >= %s", label, field, value
        )


def _check_label(dataset: Dataset) -> None:
    label = dataset.label_field
    if label not in dataset.inter_feat or label in (dataset.config["threshold"] or {}):
        return
    if dataset.field2type[label] != FeatureType.FLOAT:
        raise ValueError(
            f"LABEL_FIELD: {label} is of type {dataset.field2type[label].value}, and a label is a "
            f"number; write {label}:float in the first line of the file"
        )
    _refuse_empty(dataset, label, "each needs a 0 or a 1")


def _refuse_empty(dataset: Dataset, field: str, reason: str) -> None:
    empty = dataset.inter_feat[field].isna()
    if empty.any():
        raise ValueError(
            f"{field} is empty in {lines_of(empty, dataset)}; {reason}. Fill the cells in, or "
            "remove the rows."
        )


def _check_time(dataset: Dataset) -> None:
    field = dataset.time_field
    if field not in dataset.inter_feat:
        return
    if dataset.field2type[field] != FeatureType.FLOAT:
        raise ValueError(
            f"TIME_FIELD: {field} is of type {dataset.field2type[field].value}, which has no "
            f"order; write {field}:float in the first line of the file, with numbers"
        )
    times = dataset.inter_feat[field]
    empty = times.isna()
    by_time = dataset.config["eval_args"]["order"] == "TO" and not dataset.benchmark_filename_list
    if empty.any() and by_time:
        raise ValueError(
            f"TIME_FIELD: {field} is empty in {lines_of(empty, dataset)}, and eval_args: order: TO "
            "sorts by it. Fill the cells in, remove the rows, or split at random (order: RO)."
        )
    if empty.any():
        dataset.logger.warning(
            "TIME_FIELD: %s is empty in %s; the mean of the others is put there",
            field,
            lines_of(empty, dataset),
        )
    # The median of some rows, evenly spaced, is near enough; that of all takes long.
    median, largest = times[:: max(1, len(times) // _LOOKED_AT)].median(), times.max()
    if median > 0 and largest > _OTHER_UNIT * median:
        late = times > _OTHER_UNIT * median
        dataset.logger.warning(
            "TIME_FIELD: %s of %s are more than %d times the median: are some times in "
            "milliseconds and others in seconds?",
            lines_of(late, dataset),
            field,
            _OTHER_UNIT,
        )
