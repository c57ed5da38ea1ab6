"""Convert a log of any layout to atomic files with a scenario field."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

import polars as pl

from dataset_converters.errors import ConverterError
from dataset_converters.reading import Rejects
from dataset_converters.selection import add_negatives, k_core, latest_of_repeats
from dataset_converters.table.interactions import read_interactions
from dataset_converters.table.labels import DEFAULT_THRESHOLD, RATING, check_both_labels
from dataset_converters.table.options import TableOptions
from dataset_converters.table.plan import Plan
from dataset_converters.table.planning import make_plan
from dataset_converters.table.scenarios import add_scenario, scenario_notes
from dataset_converters.table.settings import table_settings
from dataset_converters.table.side_files import (
    convert_columns,
    read_side,
    take_side,
    write_side,
)
from dataset_converters.writing import (
    REJECTED,
    DatasetWriter,
    Report,
    Reporter,
    check_not_empty,
    with_whole_seconds,
    write_inter,
    write_scenarios,
)


def convert_table(
    inputs: Sequence[Path],
    output: Path,
    options: TableOptions | None = None,
    reporter: Reporter | None = None,
    *,
    show: Callable[[Plan], None] | None = None,
    dry_run: bool = False,
) -> Report:
    """Convert a log to ``output/<name>.{inter,user,item,scenario,yaml}``.

    Args:
        inputs: Files of the log: CSV, TSV, JSON lines, each also with ``.gz``, or parquet.
        output: Folder of the data set; its name is the data set's.
        options: Columns and options of the conversion; by default all are guessed.
        reporter: Shows progress; None shows nothing.
        show: Called with the plan, before the rows are read.
        dry_run: Read and check everything, and write nothing.

    Returns:
        Counts of the rows written and left out.

    Raises:
        ConverterError: The input, an option or the output cannot be used; nothing is written.
    """
    options = options or TableOptions()
    reporter = reporter or Reporter(quiet=True)
    writer = DatasetWriter(output, overwrite=options.overwrite)
    report, rejects = Report(writer.name), Rejects(options.max_bad_rows)
    plan = make_plan(inputs, options)
    if show is not None:
        show(plan)
    report.source = _describe_source(plan, options)
    with nullcontext() if dry_run else writer, reporter.running():
        inter = read_interactions(plan, options, rejects, reporter, report)
        _check_any_valid(inter, rejects)
        described = {}
        for side in plan.sides:
            if side.sources:
                ids = inter[f"{side.entity}_id"]
                described[side.entity] = read_side(side, ids, rejects, reporter, report)
            else:
                described[side.entity], inter = take_side(side, inter, report)
        inter = add_scenario(inter, described, plan, options, rejects)
        _check_any_valid(inter, rejects)
        history = inter.select("user_id", "item_id", "scenario")
        inter = _filter(inter, options, report)
        inter = _label(inter, history, plan, options, report)
        report.count(inter)
        _write(None if dry_run else writer, plan, inter, described, options, reporter, report)
        if not dry_run:
            rejects.write(writer.staging / REJECTED)
    if dry_run:
        suffixes = ("inter", *(side.entity for side in plan.sides), "scenario", "yaml")
        files = [
            *(f"{report.name}.{suffix}" for suffix in suffixes),
            *[REJECTED][: len(rejects.rows)],
        ]
        report.notes.append(f"Nothing was written (dry run); it would be {', '.join(files)}")
    return report.finish(bad_rows=len(rejects.rows))


def _check_any_valid(inter: pl.DataFrame, rejects: Rejects) -> None:
    if inter.is_empty():
        raise ConverterError(f"no row is valid; the first fault is {rejects.shown(0)}")


def _threshold(options: TableOptions) -> float:
    return DEFAULT_THRESHOLD if options.threshold is None else options.threshold


def _describe_source(plan: Plan, options: TableOptions) -> str:
    files = ", ".join(source.file.name for source in plan.sources[:3])
    files += f" and {len(plan.sources) - 3} more" if len(plan.sources) > 3 else ""
    if plan.roles.label is not None:
        return f"{files}, label {plan.roles.label}"
    if plan.roles.rating is not None:
        return f"{files}, positive from {plan.roles.rating} {_threshold(options):g} on"
    return f"{files}, all rows positive, negatives sampled"


def _filter(inter: pl.DataFrame, options: TableOptions, report: Report) -> pl.DataFrame:
    """Apply the range of time, repeats and k-core, in this order."""

    time_range = options.time_range()
    if options.since:
        kept = inter.filter(pl.col("timestamp") >= time_range.since)
        inter = report.count_dropped("before --since", inter, kept)
    if options.until:
        kept = inter.filter(pl.col("timestamp") < time_range.until)
        inter = report.count_dropped("from --until on", inter, kept)
    if options.repeats == "merge":
        inter = report.count_dropped(
            "repeated user and item, merged", inter, latest_of_repeats(inter)
        )
    inter = report.count_dropped(
        f"outside the {options.k_core}-core", inter, k_core(inter, options.k_core)
    )
    check_not_empty(inter, report)
    if "timestamp" in inter.columns:
        keys = inter.select("user_id", "item_id", "scenario", "timestamp")
        copies = inter.height - keys.hash_rows(seed=7).n_unique()
        if copies:
            report.notes.append(
                f"{copies:,} rows repeat a user, item, scenario and time; --repeats=merge keeps "
                "one of each"
            )
    return inter


def _label(
    inter: pl.DataFrame, history: pl.DataFrame, plan: Plan, options: TableOptions, report: Report
) -> pl.DataFrame:
    """Add the label from the rating, or sampled negatives to positive rows."""
    if plan.roles.label is not None:
        check_both_labels(inter, report, None)
        return inter
    if plan.roles.rating is not None:
        threshold = _threshold(options)
        inter = inter.with_columns(label=(pl.col(RATING) >= threshold).cast(pl.UInt8))
        check_both_labels(inter, report, threshold)
        low, high = inter[RATING].min(), inter[RATING].max()
        if options.threshold is None and not 4 < high <= 5:  # type: ignore[operator]
            report.notes.append(
                f"The ratings are {low:g} to {high:g}; positive is {threshold:g} and more. Give "
                "another limit with --threshold."
            )
        return inter.drop(RATING)
    both, missing = add_negatives(
        inter.with_columns(label=pl.lit(1, pl.UInt8)),
        history,
        1 if options.negatives is None else options.negatives,
        by_popularity=options.sampling != "uniform",
        seed=2024 if options.seed is None else options.seed,
    )
    if missing:
        report.notes.append(
            f"{missing:,} negatives could not be drawn: their users have nearly every item of the "
            "scenario"
        )
    if both.height == inter.height:
        raise ConverterError(
            "no negative could be sampled: every user has every item of a scenario. Give a label "
            "(--label) or a rating (--rating)"
        )
    # What happened at a positive row did not happen at its negatives.
    outcomes = [column.name for column in plan.columns if column.use != "feature"]
    return both.with_columns(pl.when(pl.col("label") == 1).then(pl.col(outcomes)))


def _write(
    writer: DatasetWriter | None,
    plan: Plan,
    inter: pl.DataFrame,
    described: dict[str, pl.DataFrame],
    options: TableOptions,
    reporter: Reporter,
    report: Report,
) -> None:
    """Write all files; with no writer only complete the report."""
    empty: set[str] = set()
    inter, extra = convert_columns(inter, plan.columns, report, empty)
    inter = with_whole_seconds(inter) if "timestamp" in inter.columns else inter
    if writer is not None:
        write_inter(writer, inter, reporter, extra)
    for side in plan.sides:
        ids = inter[f"{side.entity}_id"]
        write_side(writer, side, described.pop(side.entity), ids, report, empty)
    scenarios = inter["scenario"].unique().sort()
    report.notes += scenario_notes(scenarios)
    _note_columns(plan, report, empty)
    if writer is None:
        return
    write_scenarios(writer, [(name, name, "") for name in scenarios])
    writer.yaml(table_settings(plan, options, empty), f"{report.source}, as atomic files.")


def _note_columns(plan: Plan, report: Report, empty: set[str]) -> None:
    """Note columns that no model loads, and a missing time."""
    rating = [c.name for c in plan.columns if c.column == plan.roles.rating]
    if rating:
        report.notes.append(f"Written but not loaded, because the label is made of it: {rating[0]}")
    kept = [c.name for c in plan.columns if c.use != "feature" and c.name not in rating]
    if kept:
        report.notes.append(
            f"Written but not loaded, because they may tell the label: {', '.join(kept)}. Those "
            "known before the outcome become features with --features=COLUMN,..."
        )
    for side in plan.sides:
        reasons: dict[str, list[str]] = {}
        for column in side.columns:
            _, is_kept, reason = column.use.partition("not loaded: ")
            if is_kept:
                reasons.setdefault(reason, []).append(column.name)
        for reason, names in reasons.items():
            report.notes.append(
                f"Written to .{side.entity} but not loaded ({reason}): {', '.join(names)}"
            )
    if empty:
        report.notes.append(f"Not loaded, since they hold no number: {', '.join(sorted(empty))}")
    if plan.roles.time is None:
        report.notes.append(
            "There is no time: the split is at random (order: RO), and prompts list a user's items "
            "in the order of the file."
        )
