"""Check labels before training: a label is 0 or 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from recbole.data.dataset import Dataset
from recbole.utils import ModelType

from recbole_llm4msr.data.atomic import read_header

#: Metrics that read a label as a class.
_OF_CLASSES = {"auc", "gauc", "logloss"}

_REMEDY = "make labels of another field (threshold: {rating: 4}), or name theirs (LABEL_FIELD)"


def check_labels(dataset: Dataset) -> None:
    """Check the labels of a data set that has been read.

    Raises:
        ValueError: Evaluation needs labels and there are none, or a label is neither 0 nor 1 while
            a metric reads it as a class, or lies outside 0 .. 1, where the model's scores lie.
    """
    config, field, rows = dataset.config, dataset.label_field, dataset.inter_feat
    samples = config["train_neg_sample_args"]["distribution"] != "none"
    modes = set(config["eval_args"]["mode"].values())
    if field not in rows:
        if "labeled" in modes:
            raise ValueError(
                f"LABEL_FIELD: the interactions of {dataset.dataset_name} have no field "
                f"{field!r}, which eval_args: mode: labeled needs; loaded are {', '.join(rows)}. "
                f"Read it (load_col), {_REMEDY}, or rank items (mode: uni100)."
            )
        _warn_of_unread_labels(dataset)
        return
    labels = np.asarray(rows[field])
    is_class = (labels == 0) | (labels == 1)
    is_read_as_class = _OF_CLASSES & {metric.lower() for metric in config["metrics"]}
    # A context-aware model scores a probability, whatever the metric.
    is_probability = config["MODEL_TYPE"] == ModelType.CONTEXT
    if not is_class.all() and (
        is_read_as_class or (is_probability and ((labels < 0) | (labels > 1)).any())
    ):
        values = ", ".join(str(value) for value in np.unique(labels[~is_class])[:5])
        raise ValueError(
            f"LABEL_FIELD: {field} holds {values}, and a label is 0 or 1. If these are ratings, "
            f"{_REMEDY}."
        )
    if not (labels == 0).any():
        return
    if config["MODEL_TYPE"] != ModelType.CONTEXT:
        dataset.logger.warning(
            "%s is 0 in some rows, and %s takes every row for a positive one; keep those with "
            "label 1 by val_interval: {%s: '[1,1]'}",
            field,
            config["model"],
            field,
        )
        return
    if samples:
        raise ValueError(
            f"train_neg_sample_args: the interactions have labels, some of them 0 ({field}), and "
            "with drawn negatives every row would be trained as 1. Leave it out, or keep the rows "
            f"with label 1 (val_interval: {{{field}: '[1,1]'}})."
        )
    if modes != {"labeled"}:
        raise ValueError(
            f"eval_args: mode: {', '.join(sorted(modes))} takes every row for a positive one, "
            f"those with label 0 too ({field}). Use mode: labeled, or keep the rows with label 1 "
            f"(val_interval: {{{field}: '[1,1]'}})."
        )


def _warn_of_unread_labels(dataset: Dataset) -> None:
    """Warn where the interactions have labels that are not read, so that all rows are positives."""
    config = dataset.config
    path = Path(dataset.dataset_path) / f"{dataset.dataset_name}.inter"
    if not path.is_file():  # parts of benchmark_filename
        return
    if dataset.label_field in read_header(path, config["field_separator"], config["encoding"]):
        dataset.logger.warning(
            "%s has a column %s that is not read, and every row is taken for a positive one; to "
            "keep those with label 1, read it (load_col) and set val_interval: {%s: '[1,1]'}",
            path,
            dataset.label_field,
            dataset.label_field,
        )
