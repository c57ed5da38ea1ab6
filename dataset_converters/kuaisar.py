"""KuaiSAR: search and recommendation logs of one short-video application.

Reference:
    Zhongxiang Sun et al. "KuaiSAR: A Unified Search And Recommendation Dataset." CIKM 2023,
    arXiv 2306.07705. Data: Zenodo record 8181109, CC BY-NC-SA 4.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta, timezone
from pathlib import Path

import polars as pl

from dataset_converters.atomic import REJECTED, DatasetWriter
from dataset_converters.errors import ConverterError, nearest
from dataset_converters.filters import k_core, parse_time, sample_users
from dataset_converters.kuaisar_features import LEVELS, write_items, write_users
from dataset_converters.kuaisar_raw import (
    ITEM_TYPES,
    RELEASES,
    Logs,
    TimeRange,
    open_release,
    read_logs,
    recognise,
)
from dataset_converters.layout import (
    check_some_left,
    settings_of,
    write_inter,
    write_scenarios,
)
from dataset_converters.rejects import Rejects
from dataset_converters.report import Report, Reporter

SCENARIOS = [
    (
        "search",
        "Search",
        "short videos that the user finds by typing a query into the search box of the app",
    ),
    (
        "recommendation",
        "Recommendation",
        "short videos that the app recommends to the user without being asked, one after another",
    ),
]
_SESSION_KEY = ["user_id", "session_id", "item_id"]
BEIJING = timezone(timedelta(hours=8))


@dataclass(frozen=True)
class KuaisarOptions:
    """What to keep of KuaiSAR.

    Attributes:
        release: ``small`` or ``full``; None recognises it from the files.
        item_types: Item types of search results to keep, or ``("all",)``. Recommendation
            shows VIDEO and IMAGE_ATLAS only, so these two are the default.
        repeats: ``keep`` every row of an item that a search session lists several times, or
            ``merge`` them into the first with label 1 if any was clicked.
        k_core: Fewest rows of a user and of an item, over both scenarios.
        since: First moment kept; unix seconds, or a date (Beijing time).
        until: First moment no longer kept.
        sample_users: Number of users to keep, drawn at random.
        seed: Seed of that draw.
        query: Write the query of a search row as ``keyword:token_seq``.
        caption: Write the caption of an item as ``caption:token_seq``.
        max_bad_rows: Bad rows that may go to ``rejected.jsonl``.
        overwrite: Replace an existing data set.
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
            raise ConverterError(f"--release={self.release}: one of {', '.join(RELEASES)}")
        if self.repeats not in ("keep", "merge"):
            raise ConverterError(f"--repeats={self.repeats}: keep or merge")
        for name in self.item_types:
            if name not in (*ITEM_TYPES, "all"):
                raise ConverterError(
                    f"--item-types: unknown type {name!r}{nearest(name, ITEM_TYPES)}; "
                    f"known are {', '.join(ITEM_TYPES)}, or all"
                )
        if self.sample_users is not None and self.sample_users < 1:
            raise ConverterError(f"--sample-users={self.sample_users}: at least 1")

    @property
    def kept_types(self) -> tuple[str, ...]:
        """The item types kept, with ``all`` spelt out."""
        return ITEM_TYPES if "all" in self.item_types else self.item_types

    @property
    def period(self) -> TimeRange:
        """The range of time kept, in unix seconds."""
        since = parse_time(self.since, "--since", BEIJING) if self.since else float("-inf")
        until = parse_time(self.until, "--until", BEIJING) if self.until else float("inf")
        if since >= until:
            raise ConverterError(f"--since={self.since} is not before --until={self.until}")
        return TimeRange(since, until)


def convert_kuaisar(
    source: Path,
    output: Path,
    options: KuaisarOptions | None = None,
    reporter: Reporter | None = None,
) -> Report:
    """Convert KuaiSAR to ``output/<name>.{inter,user,item,scenario,yaml}``.

    Args:
        source: The published zip, or a folder with its CSV files at any depth.
        output: Folder of the data set; its name is the data set's.
        options: What to keep; by default everything both scenarios can show.
        reporter: Where progress goes.

    Returns:
        The counts of what was written and left out.

    Raises:
        ConverterError: Input, options or output cannot be used; nothing was written.
    """
    options = options or KuaisarOptions()
    reporter = reporter or Reporter(quiet=True)
    period = options.period
    writer = DatasetWriter(output, overwrite=options.overwrite)
    raw = open_release(source, options.release)
    report = Report(writer.name)
    rejects = Rejects(options.max_bad_rows)
    with writer, reporter.running():
        logs = read_logs(raw, options.kept_types, period, rejects, reporter, query=options.query)
        release = options.release or recognise(raw, logs)
        inter = _cut_down(logs, options, report)
        report.count(inter)
        words = {"keyword": "token_seq"} if options.query else {}
        write_inter(writer, inter, reporter, words)
        write_users(writer, raw, inter, rejects, reporter, report)
        has_music = write_items(
            writer, raw, inter, rejects, reporter, report, caption=options.caption
        )
        write_scenarios(writer, SCENARIOS)
        rejects.write(writer.staging / REJECTED)
        simulated = "simulated " if raw.simulated else ""
        report.source = f"{simulated}KuaiSAR, {release} release"
        writer.yaml(settings(has_music=has_music), f"{report.source}, converted to atomic files.")
    if rejects.rows:
        report.dropped[f"bad rows ({REJECTED})"] = len(rejects.rows)
    _compare(report, logs, release, simulated=raw.simulated)
    return report.finish()


def _cut_down(logs: Logs, options: KuaisarOptions, report: Report) -> pl.DataFrame:
    """Apply what needs all rows at once, in the order that the documentation gives."""
    report.dropped.update(logs.dropped)
    search = logs.search
    if options.repeats == "merge":
        first = [pl.col(name).first() for name in search.columns if name not in _SESSION_KEY]
        merged = search.group_by(_SESSION_KEY, maintain_order=True).agg(
            pl.col("label").max().alias("_any"), *first
        )
        merged = merged.with_columns(label="_any").select(search.columns)
        report.dropped["repeated in a session, merged"] = search.height - merged.height
        search = merged
    inter = pl.concat([search.drop("session_id"), logs.recommendation], how="diagonal")
    logs.search = logs.recommendation = pl.DataFrame()  # the concatenation holds them now
    if options.sample_users is not None:
        before = inter.height
        inter = sample_users(inter, options.sample_users, options.seed)
        report.dropped["user not sampled"] = before - inter.height
    if options.k_core > 1:
        before = inter.height
        inter = k_core(inter, options.k_core)
        report.dropped[f"outside the {options.k_core}-core"] = before - inter.height
    check_some_left(inter, report)
    return inter


def _compare(report: Report, logs: Logs, release: str, *, simulated: bool) -> None:
    """Say when the raw files have not the published number of rows."""
    published = RELEASES[release]
    for file, rows, expected in (
        ("src_inter.csv", logs.search_rows, published.search_rows),
        ("rec_inter.csv", logs.recommendation_rows, published.recommendation_rows),
    ):
        if rows != expected and not simulated:
            report.notes.append(
                f"{file} has {rows:,} rows; the {release} release is published with {expected:,}"
            )


def settings(*, has_music: bool = True) -> dict[str, object]:
    """RecBole's configuration of the converted data set."""
    item = ["item_id", "author_id", "item_type", "upload_type"]
    item += ["music_id"] if has_music else []
    levels = ("onehot_feat1", "onehot_feat2", "search_active_level", "rec_active_level")
    return settings_of(
        user=["user_id", *levels],
        item=[*item, *(f"{level}_level_category_id" for level in LEVELS)],
        template="short_video",
        texts=[f"{level}_level_category_name_en" for level in LEVELS],
    )
