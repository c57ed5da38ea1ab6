"""Options of the table converter, checked when they are set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dataset_converters.errors import ConverterError, nearest
from dataset_converters.selection import TimeRange, parse_time

TYPES = ("token", "float", "token_seq", "float_seq")
TEMPLATES = ("generic", "movie", "product", "short_video")


@dataclass(frozen=True)
class TableOptions:
    """Options of the table converter. A column of None is guessed by usual names.

    Attributes:
        user: Column of the user.
        item: Column of the item.
        label: Column of the label: 0 and 1, true and false, or yes and no.
        rating: Column of a rating; one of at least ``threshold`` is positive.
        threshold: Lowest positive rating; None is 4.
        implicit: Every row is positive; negatives are sampled. Also where neither a label nor a
            rating is found.
        negatives: Sampled negatives per positive; None is 1.
        sampling: ``popularity`` or ``uniform``; None is ``popularity``.
        seed: Seed of the sampled negatives; None is 2024.
        scenario: Column of the scenario.
        scenario_from: ``file`` (name of the input file), ``item.COLUMN`` or ``user.COLUMN``.
        time: Column of the time, or ``none``.
        time_zone: Zone of dates without one, such as ``Europe/Berlin``.
        items: Files that describe items.
        items_key: Their column of the item.
        text: Columns of ``items`` or ``item_columns`` with texts for prompts; empty guesses them.
        users: Files that describe users.
        users_key: Their column of the user.
        item_columns: Columns of the log that describe the item, in place of ``items``.
        user_columns: Columns of the log that describe the user, in place of ``users``.
        features: Further columns of the log that are known before the outcome.
        types: RecBole type by column, instead of the guessed one.
        template: Prompt template.
        k_core: Minimum number of rows of a user and of an item, over all scenarios.
        since: First moment kept.
        until: First moment not kept.
        repeats: ``keep`` all rows of a user, item and scenario, or ``merge`` to the latest.
        separator: Text between two fields of the log; None is found from the first line.
        header: Column names of a log without a header.
        quotes: Whether double quotes enclose fields of CSV and TSV files.
        encoding: Encoding of text files.
        allow_truncated: Use a truncated gzip stream up to its last whole line.
        max_bad_rows: Number of bad rows to accept; they go to ``rejected.jsonl``.
        overwrite: Replace an existing data set.

    Raises:
        ConverterError: An option is not valid, or two of them contradict each other.
    """

    user: str | None = None
    item: str | None = None
    label: str | None = None
    rating: str | None = None
    threshold: float | None = None
    implicit: bool = False
    negatives: int | None = None
    sampling: str | None = None
    seed: int | None = None
    scenario: str | None = None
    scenario_from: str | None = None
    time: str | None = None
    time_zone: str = "UTC"
    items: tuple[Path, ...] = ()
    items_key: str | None = None
    text: tuple[str, ...] = ()
    users: tuple[Path, ...] = ()
    users_key: str | None = None
    item_columns: tuple[str, ...] = ()
    user_columns: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    template: str = "generic"
    k_core: int = 0
    since: str | None = None
    until: str | None = None
    repeats: str = "keep"
    separator: str | None = None
    header: tuple[str, ...] = ()
    quotes: bool = True
    encoding: str = "utf-8"
    allow_truncated: bool = False
    max_bad_rows: int = 0
    overwrite: bool = False

    def __post_init__(self) -> None:
        self._check_choice("--repeats", self.repeats, ("keep", "merge"))
        self._check_choice("--template", self.template, TEMPLATES)
        if self.sampling is not None:
            self._check_choice("--sampling", self.sampling, ("popularity", "uniform"))
        for column, kind in self.types.items():
            self._check_choice(f"--type={column}", kind, TYPES)
        outcomes = [self.label is not None, self.rating is not None, self.implicit]
        if sum(outcomes) > 1:
            raise ConverterError("--label, --rating and --implicit: give one of the three")
        if self.scenario is not None and self.scenario_from is not None:
            raise ConverterError("--scenario and --scenario-from: give one of the two")
        if self.scenario_from not in (None, "file"):
            source, dot, column = self.scenario_from.partition(".")
            if source not in ("item", "user") or not dot or not column:
                raise ConverterError(
                    f"--scenario-from={self.scenario_from}: must be file, item.COLUMN or "
                    "user.COLUMN"
                )
            self._need(f"--scenario-from={self.scenario_from}", source)
        for entity in ("item", "user"):
            if getattr(self, f"{entity}s") and getattr(self, f"{entity}_columns"):
                raise ConverterError(f"--{entity}s and --{entity}-columns: give one of the two")
        if self.text and not self.item_columns:
            self._need(f"--text={','.join(self.text)}", "item")
        if self.items_key is not None:
            self._need(f"--items-key={self.items_key}", "item")
        if self.users_key is not None:
            self._need(f"--users-key={self.users_key}", "user")
        if self.negatives is not None and self.negatives < 1:
            raise ConverterError(f"--negatives={self.negatives}: must be at least 1")
        self.zone()
        self.time_range()

    @staticmethod
    def _check_choice(option: str, value: str, choices: tuple[str, ...]) -> None:
        if value not in choices:
            raise ConverterError(
                f"{option}={value}: must be one of {', '.join(choices)}{nearest(value, choices)}"
            )

    def _need(self, option: str, source: str) -> None:
        if not (self.items if source == "item" else self.users):
            raise ConverterError(f"{option} needs --{source}s, a file that describes {source}s")

    def zone(self) -> ZoneInfo:
        """Return the zone of dates without one.

        Raises:
            ConverterError: There is no zone of that name.
        """
        try:
            return ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ConverterError(
                f"--time-zone={self.time_zone}: there is no such time zone; give a name such as "
                "Europe/Berlin"
            ) from error

    def time_range(self) -> TimeRange:
        """Return the range of time to keep, in unix seconds.

        Raises:
            ConverterError: A moment cannot be read, or the range is empty.
        """
        zone = self.zone()
        since = parse_time(self.since, "--since", zone) if self.since else float("-inf")
        until = parse_time(self.until, "--until", zone) if self.until else float("inf")
        if not since < until:
            raise ConverterError(f"--since={self.since} is not before --until={self.until}")
        return TimeRange(since, until)
