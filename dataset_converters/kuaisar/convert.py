"""Convert KuaiSAR: search and recommendation logs of one short-video app, as two scenarios.

Reference:
    Zhongxiang Sun et al. "KuaiSAR: A Unified Search And Recommendation Dataset." CIKM 2023,
    arXiv 2306.07705. Data: Zenodo record 8181109, CC BY-NC-SA 4.0.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from dataset_converters.kuaisar.features import LEVELS, write_items, write_users
from dataset_converters.kuaisar.logs import Logs, read_logs
from dataset_converters.kuaisar.options import KuaisarOptions
from dataset_converters.kuaisar.release import RELEASES, detect_release, open_release
from dataset_converters.reading import Rejects
from dataset_converters.selection import k_core, sample_users
from dataset_converters.writing import (
    REJECTED,
    DatasetWriter,
    Report,
    Reporter,
    check_not_empty,
    dataset_settings,
    write_inter,
    write_scenarios,
)

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
        options: Options of the conversion; the default keeps all rows of videos and image atlases.
        reporter: Shows progress; None shows nothing.

    Returns:
        Counts of the rows written and left out.

    Raises:
        ConverterError: The input, an option or the output cannot be used; nothing is written.
    """
    options = options or KuaisarOptions()
    reporter = reporter or Reporter(quiet=True)
    time_range = options.time_range
    writer = DatasetWriter(output, overwrite=options.overwrite)
    raw = open_release(source, options.release)
    report = Report(writer.name)
    rejects = Rejects(options.max_bad_rows)
    with writer, reporter.running():
        logs = read_logs(
            raw, options.kept_types, time_range, rejects, reporter, query=options.query
        )
        release = options.release or detect_release(raw, logs.last)
        inter = _filter(logs, options, report)
        report.count(inter)
        extra = {"keyword": "token_seq"} if options.query else {}
        write_inter(writer, inter, reporter, extra)
        write_users(writer, raw, inter, rejects, reporter, report)
        has_music = write_items(
            writer, raw, inter, rejects, reporter, report, caption=options.caption
        )
        write_scenarios(writer, SCENARIOS)
        rejects.write(writer.staging / REJECTED)
        simulated = "simulated " if raw.simulated else ""
        report.source = f"{simulated}KuaiSAR, {release} release"
        writer.yaml(
            kuaisar_settings(has_music=has_music), f"{report.source}, converted to atomic files."
        )
    _note_other_row_counts(report, logs, release, simulated=raw.simulated)
    return report.finish(bad_rows=len(rejects.rows))


def _filter(logs: Logs, options: KuaisarOptions, report: Report) -> pl.DataFrame:
    """Concatenate both logs after repeats, sampled users and k-core, in this order."""
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
    logs.search = logs.recommendation = pl.DataFrame()  # frees the memory of the parts
    if options.sample_users is not None:
        before = inter.height
        inter = sample_users(inter, options.sample_users, options.seed)
        report.dropped["user not sampled"] = before - inter.height
    if options.k_core > 1:
        before = inter.height
        inter = k_core(inter, options.k_core)
        report.dropped[f"outside the {options.k_core}-core"] = before - inter.height
    check_not_empty(inter, report)
    return inter


def _note_other_row_counts(report: Report, logs: Logs, release: str, *, simulated: bool) -> None:
    """Note in the report if a raw file does not have the published number of rows."""
    published = RELEASES[release]
    for file, rows, expected in (
        ("src_inter.csv", logs.search_rows, published.search_rows),
        ("rec_inter.csv", logs.recommendation_rows, published.recommendation_rows),
    ):
        if rows != expected and not simulated:
            report.notes.append(
                f"{file} has {rows:,} rows; the {release} release is published with {expected:,}"
            )


def kuaisar_settings(*, has_music: bool = True) -> dict[str, object]:
    """Return the RecBole configuration of a converted KuaiSAR.

    Args:
        has_music: Whether ``.item`` has the column ``music_id``.
    """
    item = ["item_id", "author_id", "item_type", "upload_type"]
    item += ["music_id"] if has_music else []
    features = ("onehot_feat1", "onehot_feat2", "search_active_level", "rec_active_level")
    return dataset_settings(
        user=["user_id", *features],
        item=[*item, *(f"{level}_level_category_id" for level in LEVELS)],
        template="short_video",
        texts=[f"{level}_level_category_name_en" for level in LEVELS],
    )
