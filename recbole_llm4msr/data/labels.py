"""Check labels before training: a label is 0 or 1."""

from __future__ import annotations

from recbole.data.dataset import Dataset

#: Metrics that read a label as a class.
_OF_CLASSES = {"auc", "gauc", "logloss"}

_REMEDY = "make labels of another field (threshold: {rating: 4}), or name theirs (LABEL_FIELD)"


def check_labels(dataset: Dataset) -> None:
    """Check the labels of a data set that has been read.

    Raises:
        ValueError: Evaluation needs labels and there are none, or a label is neither 0 nor 1 while
            a metric reads it as a class.
    """
    config, field, rows = dataset.config, dataset.label_field, dataset.inter_feat
    if field not in rows:
        samples = config["train_neg_sample_args"]["distribution"] != "none"
        if not samples and "labeled" in config["eval_args"]["mode"].values():
            raise ValueError(
                f"LABEL_FIELD: the interactions of {dataset.dataset_name} have no field "
                f"{field!r}; loaded are {', '.join(rows)}. Read it (load_col), {_REMEDY}."
            )
        return
    others = set(rows[field].unique()) - {0, 1}
    if others and _OF_CLASSES & {metric.lower() for metric in config["metrics"]}:
        values = ", ".join(str(value) for value in sorted(others)[:5])
        raise ValueError(
            f"LABEL_FIELD: {field} holds {values}, and a label is 0 or 1. If these are ratings, "
            f"{_REMEDY}."
        )
