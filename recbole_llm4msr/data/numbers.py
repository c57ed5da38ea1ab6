"""Fill, scale and bucket numeric fields by values of the training rows.

RecBole 1.2.1 takes these values from the rows at hand, so that a model would get other numbers for
the same row where the data have changed. Here they are kept with the data set and its checkpoints.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class NumberRules:
    """Rules by column, named ``<table>.<field>`` as in ``item_feat.price``.

    Attributes:
        fills: Value in the place of a missing one, the mean of the others.
        ranges: Smallest and largest training value of a normalised field.
        buckets: ``{"method": "ED", "low", "high", "bucket"}`` or ``{"method": "LD", "levels"}`` of
            a discretised field.
    """

    fills: dict[str, float] = field(default_factory=dict)
    ranges: dict[str, list[float]] = field(default_factory=dict)
    buckets: dict[str, dict[str, Any]] = field(default_factory=dict)

    def to_plain(self) -> dict[str, Any]:
        """The rules as values that JSON can hold."""
        return {"fills": self.fills, "ranges": self.ranges, "buckets": self.buckets}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> NumberRules:
        """Read what :meth:`to_plain` returned."""
        return cls(dict(plain["fills"]), dict(plain["ranges"]), dict(plain["buckets"]))

    def differences(self, other: NumberRules) -> list[str]:
        """Columns with another range or other buckets; rounding aside."""
        differing = []
        for mine, theirs in ((self.ranges, other.ranges), (self.buckets, other.buckets)):
            for column in {**mine, **theirs}:
                if not _close(mine.get(column), theirs.get(column)):
                    differing.append(column)
        return differing

    def filled(self, column: str, values: np.ndarray) -> np.ndarray:
        """Values with the missing ones (NaN) filled, same shape."""
        values = np.asarray(values, dtype=np.float64)
        return np.where(np.isnan(values), self.fills.get(column, np.nan), values)

    def scaled(self, column: str, values: np.ndarray) -> np.ndarray:
        """Values normalised by the training range; unchanged where the field is not normalised."""
        if column not in self.ranges:
            return values
        low, high = self.ranges[column]
        return (values - low) / (high - low) if high > low else np.ones_like(values)

    def bucketed(self, column: str, values: np.ndarray) -> np.ndarray:
        """Bucket of every value, float64; values beyond the training range are in the last ones."""
        rule = self.buckets[column]
        if rule["method"] == "LD":
            levels = np.asarray(rule["levels"])
            place = np.searchsorted(levels, log_level(values))
            return np.minimum(place, len(levels) - 1).astype(np.float64)
        low, high, bucket = rule["low"], rule["high"], rule["bucket"]
        if high == low:
            return np.full(len(values), float(bucket))
        return np.clip(np.floor((values - low) * bucket / (high - low) + 1), 1, rule["last"])

    def learn_buckets(self, column: str, values: np.ndarray, method: dict[str, Any]) -> None:
        """Keep the rule that RecBole's discretisation makes of these values."""
        if method["method"] == "LD":
            levels = np.unique(log_level(values)).tolist()
            self.buckets[column] = {"method": "LD", "levels": levels}
            return
        low, high, bucket = float(np.min(values)), float(np.max(values) + 1e-9), method["bucket"]
        rule = {"method": "ED", "low": low, "high": high, "bucket": bucket, "last": np.inf}
        self.buckets[column] = rule
        rule["last"] = float(self.bucketed(column, np.asarray(values)).max())


def log_level(values: np.ndarray) -> np.ndarray:
    """RecBole's logarithmic level of each value, before the levels are numbered."""
    mask = values > 2
    return np.where(mask, np.floor(np.log(values * mask + 1e-9) ** 2 + 1), values)


def _close(one: Any, other: Any) -> bool:
    """Whether two plain values are equal, numbers to nine digits."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_close(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and bool(np.allclose(one, other, rtol=1e-9, atol=0))
    if isinstance(one, float) and isinstance(other, float):
        return bool(np.isclose(one, other, rtol=1e-9, atol=0))
    return one == other
