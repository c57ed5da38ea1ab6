"""Options of the Amazon converter, checked when they are set."""

from __future__ import annotations

from dataclasses import dataclass

from dataset_converters.errors import ConverterError, nearest


@dataclass(frozen=True)
class AmazonOptions:
    """Options of the Amazon converter.

    Attributes:
        categories: Names as in the file names; empty means all in the folder.
        release: ``2014``, ``2018`` or ``2023``; None detects it from the files.
        threshold: A rating of at least this is positive.
        implicit: Every review is positive; negatives are sampled.
        negatives: Number of negatives per positive, with ``implicit``.
        sampling: ``popularity`` or ``uniform``, with ``implicit``.
        seed: Seed of the sampled negatives.
        k_core: Minimum number of rows of a user and of an item, over all scenarios together.
        shared_users: Keep only users with rows in two scenarios or more.
        repeats: ``keep`` all rows of a user, item and scenario, or ``merge`` to the latest.
        since: First moment kept; unix seconds, or a date (UTC).
        until: First moment not kept.
        meta: Read product descriptions (``meta_*``), if there are any.
        allow_truncated: Use a truncated gzip stream up to its last whole line.
        max_bad_rows: Number of bad rows to accept; they go to ``rejected.jsonl``.
        overwrite: Replace an existing data set.

    Raises:
        ConverterError: An option has a value that is not valid.
    """

    categories: tuple[str, ...] = ()
    release: str | None = None
    threshold: float = 4.0
    implicit: bool = False
    negatives: int = 1
    sampling: str = "popularity"
    seed: int = 2024
    k_core: int = 0
    shared_users: bool = False
    repeats: str = "keep"
    since: str | None = None
    until: str | None = None
    meta: bool = True
    allow_truncated: bool = False
    max_bad_rows: int = 0
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.repeats not in ("keep", "merge"):
            raise ConverterError(f"--repeats={self.repeats}: must be keep or merge")
        if self.sampling not in ("popularity", "uniform"):
            close = nearest(self.sampling, ("popularity", "uniform"))
            raise ConverterError(
                f"--sampling={self.sampling}: must be popularity or uniform{close}"
            )
