"""Options of the MovieLens 1M converter."""

from __future__ import annotations

from dataclasses import dataclass

from dataset_converters.errors import ConverterError


@dataclass(frozen=True)
class Ml1mOptions:
    """Options of the MovieLens 1M converter.

    Attributes:
        threshold: Lowest rating that is positive.
        k_core: Minimum number of rows of a user and of an item, over all scenarios together.
        max_bad_rows: Number of bad rows to accept; they go to ``rejected.jsonl``.
        overwrite: Replace an existing data set.

    Raises:
        ConverterError: The threshold leaves no negative or no positive rating.
    """

    threshold: float = 4.0
    k_core: int = 0
    max_bad_rows: int = 0
    overwrite: bool = False

    def __post_init__(self) -> None:
        if not 1 < self.threshold <= 5:
            raise ConverterError(f"--threshold={self.threshold:g}: ratings are 1 to 5 stars")
