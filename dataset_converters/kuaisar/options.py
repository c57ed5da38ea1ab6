"""Options of the KuaiSAR converter, checked when they are set."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta, timezone

from dataset_converters.errors import ConverterError, nearest
from dataset_converters.kuaisar.release import ITEM_TYPES, RELEASES
from dataset_converters.selection import TimeRange, parse_time

BEIJING = timezone(timedelta(hours=8))


@dataclass(frozen=True)
class KuaisarOptions:
    """Options of the KuaiSAR converter.

    Attributes:
        release: ``small`` or ``full``; None detects it from the files.
        item_types: Item types of search results to keep, or ``("all",)``. Recommendation
            has VIDEO and IMAGE_ATLAS only, so these two are the default.
        repeats: ``keep`` every row of an item that a search session lists several times, or
            ``merge`` them into the first with label 1 if any was clicked.
        k_core: Minimum number of rows of a user and of an item, over both scenarios.
        since: First moment kept; unix seconds, or a date (Beijing time).
        until: First moment not kept.
        sample_users: Number of users to keep, sampled at random.
        seed: Seed of the user sample.
        query: Write the query of a search row as ``keyword:token_seq``.
        caption: Write the caption of an item as ``caption:token_seq``.
        max_bad_rows: Number of bad rows to accept; they go to ``rejected.jsonl``.
        overwrite: Replace an existing data set.

    Raises:
        ConverterError: An option has a value that is not valid.
    """

    release: str | None = None
    item_types: tuple[str, ...] = ("VIDEO", "IMAGE_ATLAS")
    repeats: str = "keep"
    k_core: int = 0
    since: str | None = None
    until: str | None = None
    sample_users: int | None = None
    seed: int = 2024
    query: bool = False
    caption: bool = False
    max_bad_rows: int = 0
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.release is not None and self.release not in RELEASES:
            raise ConverterError(f"--release={self.release}: must be one of {', '.join(RELEASES)}")
        if self.repeats not in ("keep", "merge"):
            raise ConverterError(f"--repeats={self.repeats}: must be keep or merge")
        for name in self.item_types:
            if name not in (*ITEM_TYPES, "all"):
                raise ConverterError(
                    f"--item-types: unknown type {name!r}{nearest(name, ITEM_TYPES)}; "
                    f"must be all or among {', '.join(ITEM_TYPES)}"
                )
        if self.sample_users is not None and self.sample_users < 1:
            raise ConverterError(f"--sample-users={self.sample_users}: must be at least 1")

    @property
    def kept_types(self) -> tuple[str, ...]:
        """Item types to keep, with ``all`` expanded."""
        return ITEM_TYPES if "all" in self.item_types else self.item_types

    @property
    def time_range(self) -> TimeRange:
        """Range of time to keep, in unix seconds."""
        since = parse_time(self.since, "--since", BEIJING) if self.since else float("-inf")
        until = parse_time(self.until, "--until", BEIJING) if self.until else float("inf")
        if since >= until:
            raise ConverterError(f"--since={self.since} is not before --until={self.until}")
        return TimeRange(since, until)
