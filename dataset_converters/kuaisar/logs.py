"""Read the search log and the recommendation log of KuaiSAR."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import polars as pl

from dataset_converters.kuaisar.release import ITEM_TYPES, RawRelease
from dataset_converters.reading import (
    Column,
    RawFile,
    Rejects,
    read_csv_rows,
    reject_where,
    to_seconds,
)
from dataset_converters.selection import TimeRange
from dataset_converters.writing import Reporter

SCENARIO_TYPE = pl.Enum(["search", "recommendation"])
WORD_LIST = r"^\[\s*(\d+(\s*,\s*\d+)*)?\s*\]$"  # [1, 2]


@dataclass
class Logs:
    """Rows of both logs that passed the filters on single rows.

    Attributes:
        search: ``user_id, item_id, session_id, scenario, label, timestamp[, keyword]``.
        recommendation: The same columns without ``session_id`` and ``keyword``.
        dropped: Numbers of rows left out, by reason.
        search_rows: Valid rows in ``src_inter.csv``, kept or not.
        recommendation_rows: Valid rows in ``rec_inter.csv``, kept or not.
        last: Latest moment of both logs before filtering by time, in unix seconds.
    """

    search: pl.DataFrame
    recommendation: pl.DataFrame
    dropped: Counter[str] = field(default_factory=Counter)
    search_rows: int = 0
    recommendation_rows: int = 0
    last: float = 0.0


def read_logs(
    raw: RawRelease,
    item_types: tuple[str, ...],
    time_range: TimeRange,
    rejects: Rejects,
    reporter: Reporter,
    *,
    query: bool,
) -> Logs:
    """Read both logs; keep only the columns needed and the rows asked for.

    Args:
        raw: The files.
        item_types: Types of search results to keep.
        time_range: Range of time to keep.
        rejects: Collects bad rows.
        reporter: Shows progress.
        query: Keep the words of the query, as ``keyword``.
    """
    logs = Logs(pl.DataFrame(), pl.DataFrame())
    schema = {
        "user_id": pl.Int64,
        "item_id": pl.Int64,
        "session_id": pl.Int64,
        "scenario": SCENARIO_TYPE,
        "label": pl.UInt8,
        "timestamp": pl.Float64,
    } | ({"keyword": pl.String} if query else {})
    search = [pl.DataFrame(schema=schema)]
    file = raw.files["src_inter.csv"]
    for frame in _read_search(file, item_types, rejects, reporter, logs, query):
        search.append(_filter_by_time(frame, time_range, logs))
    recommendation = [search[0].drop("session_id", "keyword", strict=False)]
    for frame in _read_recommendation(raw.files["rec_inter.csv"], rejects, reporter, logs):
        recommendation.append(_filter_by_time(frame, time_range, logs))
    logs.search, logs.recommendation = pl.concat(search), pl.concat(recommendation)
    return logs


def _read_search(
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
    for frame in read_csv_rows(file, columns, rejects, reporter):
        known = pl.col("item_type").is_in(ITEM_TYPES)
        expected = f"is not one of {', '.join(ITEM_TYPES)}"
        frame = reject_where(frame, ~known, file, "item_type", expected, rejects)
        if query:
            is_valid = pl.col("keyword").str.contains(WORD_LIST) | (pl.col("keyword") == "")
            frame = reject_where(
                frame,
                ~is_valid,
                file,
                "keyword",
                "is not a list of word ids such as [1, 2]",
                rejects,
            )
        logs.search_rows += frame.height
        for name, rows in frame["item_type"].value_counts().sort("item_type").iter_rows():
            if name not in item_types:
                logs.dropped[f"item type {name}"] += rows
        frame = frame.filter(pl.col("item_type").is_in(item_types))
        label = (pl.col("clicks") > 0).cast(pl.UInt8).alias("label")
        extra = [to_token_seq("keyword")] if query else []
        yield frame.select(
            "user_id",
            "item_id",
            "session_id",
            pl.lit("search", SCENARIO_TYPE).alias("scenario"),
            label,
            to_seconds(frame["time"], 1000),
            *extra,
        )


def _read_recommendation(
    file: RawFile, rejects: Rejects, reporter: Reporter, logs: Logs
) -> Iterator[pl.DataFrame]:
    columns = [
        Column("user_id", "id"),
        Column("item_id", "id"),
        Column("click", "flag"),
        Column("time", "time", ("timestamp",)),
    ]
    for frame in read_csv_rows(file, columns, rejects, reporter):
        logs.recommendation_rows += frame.height
        yield frame.select(
            "user_id",
            "item_id",
            pl.lit("recommendation", SCENARIO_TYPE).alias("scenario"),
            pl.col("click").cast(pl.UInt8).alias("label"),
            to_seconds(frame["time"], 1000),
        )


def _filter_by_time(frame: pl.DataFrame, time_range: TimeRange, logs: Logs) -> pl.DataFrame:
    """Keep the rows in ``time_range``, count the others, and update ``logs.last``."""
    logs.last = max(logs.last, frame["timestamp"].max() or 0.0)  # type: ignore[type-var]
    early = int((frame["timestamp"] < time_range.since).sum())
    late = int((frame["timestamp"] >= time_range.until).sum())
    if early:
        logs.dropped["before --since"] += early
    if late:
        logs.dropped["from --until on"] += late
    if not early and not late:
        return frame
    return frame.filter(
        pl.col("timestamp").is_between(time_range.since, time_range.until, closed="left")
    )


def to_token_seq(column: str) -> pl.Expr:
    """Convert word lists ``[1, 2]`` to token sequences ``1 2``."""
    return pl.col(column).str.replace_all(r"[\[\]]", "").str.replace_all(r"[,\s]+", " ")
