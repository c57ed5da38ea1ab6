"""The raw logs of KuaiSAR: where they are, what is in them, which release they are."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from dataset_converters.columns import Column
from dataset_converters.csv_rows import LINE, read_rows, to_seconds
from dataset_converters.errors import ConverterError
from dataset_converters.raw_files import RawFile, find_files
from dataset_converters.rejects import Rejects
from dataset_converters.report import Reporter

ITEM_TYPES = ("VIDEO", "IMAGE_ATLAS", "USER", "LIVE", "COMMODITY", "MUSIC", "ADVERT")
SCENARIOS = pl.Enum(["search", "recommendation"])
_FILES = ["src_inter.csv", "rec_inter.csv", "user_features.csv", "item_features.csv"]
WORDS = r"^\[\s*(\d+(\s*,\s*\d+)*)?\s*\]$"
_SMALL_ENDS = 1685515800 + 3600  # 2023-05-31 14:50 in Beijing, and an hour of grace


@dataclass(frozen=True)
class Release:
    """A published release."""

    archive: str
    folder: str
    search_rows: int
    recommendation_rows: int


RELEASES = {
    "small": Release("KuaiSAR.zip", "KuaiSAR_final", 3_171_231, 7_493_101),
    "full": Release("KuaiSAR_v2.zip", "KuaiSAR_v2", 5_059_169, 14_605_716),
}


@dataclass(frozen=True)
class Raw:
    """The raw files of one release."""

    files: dict[str, RawFile]
    simulated: bool


@dataclass(frozen=True)
class TimeRange:
    """Unix seconds ``since <= t < until``."""

    since: float
    until: float


@dataclass
class Logs:
    """Both logs, cut down row by row.

    Attributes:
        search: ``user_id, item_id, session_id, scenario, label, timestamp[, keyword]``.
        recommendation: The same without session and keyword.
        dropped: Rows left out, by reason.
        search_rows: Sound rows in the raw file.
        recommendation_rows: The same of the other.
        last: Latest moment of either, whatever was dropped; unix seconds.
    """

    search: pl.DataFrame
    recommendation: pl.DataFrame
    dropped: Counter[str] = field(default_factory=Counter)
    search_rows: int = 0
    recommendation_rows: int = 0
    last: float = 0.0


def open_release(source: Path, release: str | None) -> Raw:
    """Find the raw files in a folder, in a zip, or in a zip that lies in the folder.

    Raises:
        ConverterError: They are not there, or there are two releases and none was chosen.
    """
    if source.is_dir() and not any(source.rglob("*.csv")):
        archives = sorted(source.glob("*.zip"))  # a damaged one will be named
        if release is not None and len(archives) > 1:
            archives = [path for path in archives if path.name == RELEASES[release].archive]
        if len(archives) > 1:
            names = ", ".join(path.name for path in archives)
            raise ConverterError(f"{source}: several archives ({names}); name one, or --release")
        if archives:
            source = archives[0]
    elif source.is_dir() and release is not None:
        inside = source / RELEASES[release].folder
        source = inside if inside.is_dir() else source
    simulated = source.is_dir() and any(source.rglob("SIMULATED.txt"))
    if not source.is_dir() and zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            simulated = any(Path(name).name == "SIMULATED.txt" for name in archive.namelist())
    return Raw(find_files(source, _FILES), simulated)


def recognise(raw: Raw, logs: Logs) -> str:
    """Tell the release by the folder the files came in, or else by the period of the logs."""
    file = raw.files["rec_inter.csv"]
    place = f"{file.path}/{file.member or ''}"
    for name, release in RELEASES.items():
        if f"/{release.folder}/" in place:
            return name
    return "full" if logs.last > _SMALL_ENDS else "small"


def read_logs(
    raw: Raw,
    item_types: tuple[str, ...],
    period: TimeRange,
    rejects: Rejects,
    reporter: Reporter,
    *,
    query: bool,
) -> Logs:
    """Read both logs, keeping only the narrow columns and the rows asked for.

    Args:
        raw: The files.
        item_types: Types of search results to keep.
        period: Range of time to keep.
        rejects: Takes bad rows.
        reporter: Shows progress.
        query: Keep the words of the query.
    """
    logs = Logs(pl.DataFrame(), pl.DataFrame())
    schema = {
        "user_id": pl.Int64,
        "item_id": pl.Int64,
        "session_id": pl.Int64,
        "scenario": SCENARIOS,
        "label": pl.UInt8,
        "timestamp": pl.Float64,
    } | ({"keyword": pl.String} if query else {})
    search = [pl.DataFrame(schema=schema)]
    file = raw.files["src_inter.csv"]
    for frame in _search(file, item_types, rejects, reporter, logs, query):
        search.append(_within(frame, period, logs))
    recommendation = [search[0].drop("session_id", "keyword", strict=False)]
    for frame in _recommendation(raw.files["rec_inter.csv"], rejects, reporter, logs):
        recommendation.append(_within(frame, period, logs))
    logs.search, logs.recommendation = pl.concat(search), pl.concat(recommendation)
    return logs


def _search(
    file: RawFile,
    item_types: tuple[str, ...],
    rejects: Rejects,
    reporter: Reporter,
    logs: Logs,
    query: bool,
) -> Iterator[pl.DataFrame]:
    columns = [
        Column("user_id", "id"),
        Column("item_id", "id"),
        Column("session_id", "id", ("search_session_id",)),
        Column("clicks", "count", ("click_cnt",)),
        Column("item_type", "text"),
        Column("time", "time", ("search_session_timestamp",)),
    ]
    if query:
        columns.append(Column("keyword", "text"))
    for frame in read_rows(file, columns, rejects, reporter):
        known = pl.col("item_type").is_in(ITEM_TYPES)
        expected = f"is none of {', '.join(ITEM_TYPES)}"
        frame = reject_where(frame, ~known, file, "item_type", expected, rejects)
        if query:
            words = pl.col("keyword").str.contains(WORDS) | (pl.col("keyword") == "")
            frame = reject_where(
                frame, ~words, file, "keyword", "is no list of word ids such as [1, 2]", rejects
            )
        logs.search_rows += frame.height
        for name, rows in frame["item_type"].value_counts().sort("item_type").iter_rows():
            if name not in item_types:
                logs.dropped[f"item type {name}"] += rows
        frame = frame.filter(pl.col("item_type").is_in(item_types))
        label = (pl.col("clicks") > 0).cast(pl.UInt8).alias("label")
        extra = [words_of("keyword")] if query else []
        yield frame.select(
            "user_id",
            "item_id",
            "session_id",
            pl.lit("search", SCENARIOS).alias("scenario"),
            label,
            to_seconds(frame["time"], 1000),
            *extra,
        )


def _recommendation(
    file: RawFile, rejects: Rejects, reporter: Reporter, logs: Logs
) -> Iterator[pl.DataFrame]:
    columns = [
        Column("user_id", "id"),
        Column("item_id", "id"),
        Column("click", "flag"),
        Column("time", "time", ("timestamp",)),
    ]
    for frame in read_rows(file, columns, rejects, reporter):
        logs.recommendation_rows += frame.height
        yield frame.select(
            "user_id",
            "item_id",
            pl.lit("recommendation", SCENARIOS).alias("scenario"),
            pl.col("click").cast(pl.UInt8).alias("label"),
            to_seconds(frame["time"], 1000),
        )


def _within(frame: pl.DataFrame, period: TimeRange, logs: Logs) -> pl.DataFrame:
    logs.last = max(logs.last, frame["timestamp"].max() or 0.0)  # type: ignore[type-var]
    early = int((frame["timestamp"] < period.since).sum())
    late = int((frame["timestamp"] >= period.until).sum())
    if early:
        logs.dropped["before --since"] += early
    if late:
        logs.dropped["from --until on"] += late
    if not early and not late:
        return frame
    return frame.filter(pl.col("timestamp").is_between(period.since, period.until, closed="left"))


def words_of(column: str) -> pl.Expr:
    """Turn a string list ``[1, 2]`` into a token_seq ``1 2``."""
    return pl.col(column).str.replace_all(r"[\[\]]", "").str.replace_all(r"[,\s]+", " ")


def reject_where(
    frame: pl.DataFrame,
    bad: pl.Expr,
    file: RawFile,
    column: str,
    reason: str,
    rejects: Rejects,
) -> pl.DataFrame:
    """Send the rows where ``bad`` holds to ``rejects`` and return the others."""
    marked = frame.select(bad.alias("bad"))["bad"]
    if not marked.any():
        return frame
    for row in frame.filter(marked).iter_rows(named=True):
        line = int(row.pop(LINE))
        shown = ", ".join(f"{name}={value}" for name, value in row.items())
        rejects.add(file.name, line, column, f"{row[column]!r} {reason}", shown)
    return frame.filter(~marked)
