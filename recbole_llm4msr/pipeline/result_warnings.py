"""Warnings beside a result that could mislead: untrained scenarios, one class, AUC at chance."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from recbole.data.dataset import Dataset

from recbole_llm4msr.data.split_checks import listed, untrained_scenarios

#: An AUC that is closer to .5 than this many standard errors may be chance.
_STANDARD_ERRORS = 2.0

#: An AUC above this is rare where nothing that a model reads holds the label.
_TOO_GOOD = 0.99


def result_warnings(
    config, train: Dataset, valid: Dataset, test: Dataset, result: dict[str, Any]
) -> list[str]:
    """Return a sentence for each reason to read a result with care, none for most results.

    Args:
        config: Configuration of the run.
        train: Training split.
        valid: Validation split.
        test: Test split.
        result: RecBole's result; ``best_valid_result`` is that of the best epoch.
    """
    sentences = []
    (untrained,) = untrained_scenarios(train, test)
    if untrained:
        plural = len(untrained) > 1
        sentences.append(
            f"Scenario{'s' * plural} {listed(untrained)} {'have' if plural else 'has'} test rows "
            "and no training row: layers that nothing has trained scored them."
        )
    if not len(valid):
        sentences.append(
            "The validation split has no rows: nothing was stopped early, and the last epoch was "
            "tested."
        )
    splits = {"training": train, "validation": valid, "test": test}
    labels = {name: _labels(config, name, split) for name, split in splits.items()}
    for name, values in labels.items():
        if len(values) and values.min() == values.max():
            sentences.append(
                f"The {name} split has one class only: all {len(values):,} labels are "
                f"{values[0]:g}, so there is {_CONSEQUENCE[name]}."
            )
    auc = (result["best_valid_result"] or {}).get("auc")
    sentences += [_too_good(train, auc), _at_chance(labels["validation"], auc)]
    return [sentence for sentence in sentences if sentence]


_CONSEQUENCE = {
    "training": "nothing to tell apart",
    "validation": "no AUC to choose the best epoch by",
    "test": "no AUC",
}
_SAMPLED = {"training": "train", "validation": "valid", "test": "test"}


def _labels(config, name: str, split: Dataset) -> np.ndarray:
    """Return the labels of a split; none where negatives are drawn, or there are no labels."""
    drawn = (config[f"{_SAMPLED[name]}_neg_sample_args"] or {}).get("distribution", "none")
    if drawn != "none" or split.label_field not in split.inter_feat:
        return np.empty(0)
    return split.inter_feat[split.label_field].numpy()


def _too_good(train: Dataset, auc: float | None) -> str | None:
    """Return a sentence where the AUC is so high that the model may read the label."""
    if auc is None or not auc > _TOO_GOOD:
        return None
    keys = {train.uid_field, train.iid_field, train.label_field, train.time_field}
    keys.add(getattr(train, "scenario_field", None))
    tables = (train.inter_feat, train.user_feat, train.item_feat)
    read = {str(f): None for feat in tables if feat is not None for f in feat.columns}
    features = [field for field in read if field in train.field2type and field not in keys]
    if not features:
        return f"The best validation AUC is {auc:.4f}: are validation rows copies of training rows?"
    return (
        f"The best validation AUC is {auc:.4f}: does a column that the model reads tell the label "
        f"({listed(features)})? Leave it out of load_col if it is not known before the label is."
    )


def _at_chance(labels: np.ndarray, auc: float | None) -> str | None:
    """Return a sentence where the AUC of the best epoch may be that of coin flips.

    The standard error is that of the Mann-Whitney statistic for equal distributions.
    """
    positives = int((labels > 0.5).sum())
    negatives = len(labels) - positives
    if auc is None or math.isnan(auc) or not positives or not negatives:
        return None
    error = math.sqrt((len(labels) + 1) / (12 * positives * negatives))
    if abs(auc - 0.5) >= _STANDARD_ERRORS * error:
        return None
    return (
        f"The best validation AUC, {auc:.4f}, is within {_STANDARD_ERRORS:g} standard errors "
        f"({error:.4f} each) of .5: the model stopped while it was still at chance. Try more "
        "stopping_step, or another learning_rate."
    )
