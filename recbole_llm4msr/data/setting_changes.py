"""Settings that replace values or add rows after the files have been read."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from recbole.data.dataset import Dataset

from recbole_llm4msr.data.normalisation import fields_to_normalise


def setting_changes(dataset: Dataset) -> Iterator[tuple[str, int]]:
    """Yield what settings change in a data set that has been read, with a count each.

    Args:
        dataset: The whole data set; its splits and batches are made later.
    """
    config, rows = dataset.config, dataset.inter_feat
    for field, least in (config["threshold"] or {}).items():
        ones = int(np.count_nonzero(np.asarray(rows[dataset.label_field])))
        yield f"labels made by {field} >= {least} (threshold), {ones:,} of them 1", len(rows)
    for field in fields_to_normalise(dataset):
        for feat in dataset.field2feats(field):
            what = f"values of {field} scaled by the range of the training rows (normalisation)"
            yield what, _values(dataset, feat)
    for field, how in (config["discretization"] or {}).items():
        if field in (config["numerical_features"] or ()):
            for feat in dataset.field2feats(field):
                what = f"values of {field} put into buckets (discretization: {how})"
                yield what, _values(dataset, feat)
    for split in ("train", "valid", "test"):
        key = f"{split}_neg_sample_args"
        given = config[key] or {}
        drawn = given.get("sample_num")
        if given.get("distribution", "none") != "none" and isinstance(drawn, int):
            setting = key if split == "train" else "eval_args: mode"
            yield f"negatives drawn for each {split} row ({setting})", drawn


def _values(dataset: Dataset, feat: object) -> int:
    """Number of rows of a table, without the padding row of users and items."""
    return len(feat) - (feat is not dataset.inter_feat)
