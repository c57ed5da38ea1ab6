"""Normalisation of float fields to 0 .. 1 by the range of the training rows alone.

RecBole 1.2.1 takes the range of all rows, so that an outlier of the test split flattens the
training rows, and of every float field, the label among them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from recbole.data.dataset import Dataset
from recbole.utils import FeatureType


def fields_to_normalise(dataset: Dataset) -> list[str]:
    """Float fields that ``normalize_field`` or ``normalize_all`` name, without the label.

    Raises:
        ValueError: Both are set, or a field does not exist.
    """
    config = dataset.config
    named = config["normalize_field"]
    if named and config["normalize_all"]:
        raise ValueError("normalize_field and normalize_all are both set; keep one of them")
    if not named and not config["normalize_all"]:
        return []
    unknown = [field for field in named or () if field not in dataset.field2type]
    if unknown:
        raise ValueError(
            f"normalize_field: there is no field {', '.join(unknown)}; loaded are "
            f"{', '.join(dataset.field2type)}"
        )
    fields = named or dataset.float_like_fields
    kept = []
    for field in fields:
        if dataset.field2type[field] == FeatureType.FLOAT and field != dataset.label_field:
            kept.append(field)
        elif field != dataset.label_field or named:
            dataset.logger.warning(
                "normalize_field: %s is not normalised: it is %s",
                field,
                "the label" if field == dataset.label_field else "not of type float",
            )
    return kept


def normalise(
    splits: Sequence[Dataset], fields: Sequence[str], given: dict[str, list[float]] | None = None
) -> dict[str, list[float]]:
    r"""Scale fields by the training rows' range, in place.

    .. math:: x' = (x - \min) / (\max - \min)

    Values of other rows may lie outside 0 .. 1. A field with a single value becomes 1, as in
    RecBole.

    Args:
        splits: The training split first. Features of users and items are scaled by those that occur
            in it.
        fields: Fields of type float.
        given: Ranges of an earlier training run, taken instead of those of these rows.

    Returns:
        Smallest and largest value of every column, by name (``item_feat.price``).
    """
    train, ranges = splits[0], given or {}
    for field in fields:
        if field in train.inter_feat:
            low, high = ranges.get(f"inter_feat.{field}") or _range(train.inter_feat[field])
            ranges[f"inter_feat.{field}"] = [low, high]
            for split in splits:
                split.inter_feat[field] = _scaled(split.inter_feat[field], low, high)
        for name, key in (("user_feat", train.uid_field), ("item_feat", train.iid_field)):
            feat, column = getattr(train, name), f"{name}.{field}"
            if feat is not None and field in feat:
                trained = torch.unique(train.inter_feat[key])
                low, high = ranges.get(column) or _range(feat[field][trained])
                ranges[column] = [low, high]
                feat[field] = _scaled(feat[field], low, high)
    return ranges


def _range(values: torch.Tensor) -> tuple[float, float]:
    """Smallest and largest value; a numerical feature's second column is its bucket."""
    numbers = values if values.dim() == 1 else values[:, 0]
    return float(numbers.min()), float(numbers.max())


def _scaled(values: torch.Tensor, low: float, high: float) -> torch.Tensor:
    numbers = values if values.dim() == 1 else values[:, 0]
    if high > low:
        numbers = ((numbers.double() - low) / (high - low)).to(values.dtype)
    else:
        numbers = torch.ones_like(numbers)
    return numbers if values.dim() == 1 else torch.stack([numbers, values[:, 1]], dim=1)
