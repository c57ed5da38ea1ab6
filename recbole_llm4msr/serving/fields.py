"""The fields that a model reads: where each comes from and how it becomes numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

Kind = Literal["token", "token_seq", "float"]
Source = Literal["interaction", "user", "item"]


@dataclass(frozen=True)
class Field:
    """A field of the model, and the input of the same name of its graph.

    Attributes:
        name: Name of the field in the data set.
        kind: Type of the field.
        source: What the field belongs to; the artefact has those of users and items.
        n_ids: Number of ids of a token field, padding included: ``0`` is padding (a missing value),
            ``n_ids`` stands for every unknown token. 0 for floats.
        length: Largest number of tokens of a ``token_seq`` field; 1 for the others.
        low: Value of a float field that becomes 0, where the field is normalised.
        high: Value that becomes 1.
        separator: Separator of the tokens of a ``token_seq`` field.
    """

    name: str
    kind: Kind
    source: Source
    n_ids: int = 0
    length: int = 1
    low: float | None = None
    high: float | None = None
    separator: str = " "

    def to_json(self) -> dict[str, Any]:
        """The field as it is in the manifest."""
        return asdict(self)

    def without_value(self, rows: int) -> np.ndarray:
        """Input of the graph for rows without a value, ``(rows, ...)``: 0, or no tokens."""
        if self.kind == "float":
            return np.zeros(rows, np.float32)
        return np.zeros((rows, self.length) if self.kind == "token_seq" else rows, np.int64)

    def scale(self, values: Any) -> Any:
        """Normalise the values of a float field (an array) as for training."""
        if self.low is None or self.high is None:
            return values
        if self.high == self.low:
            return values * 0 + 1
        return (values - self.low) / (self.high - self.low)
