"""Convert Amazon reviews: every category is a scenario.

References:
    He and McAuley, WWW 2016 (2014 release); Ni et al., EMNLP 2019 (2018); Hou et al.,
    arXiv 2403.03952 (2023).
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from dataset_converters.amazon.files import Category, find_categories
from dataset_converters.amazon.options import AmazonOptions
from dataset_converters.amazon.products import ITEM_FIELDS, read_products
from dataset_converters.amazon.release import LAYOUTS
from dataset_converters.amazon.reviews import read_reviews
from dataset_converters.errors import ConverterError
from dataset_converters.reading import Rejects
from dataset_converters.selection import add_negatives, k_core, latest_of_repeats, parse_time
from dataset_converters.writing import (
    REJECTED,
    DatasetWriter,
    Report,
    Reporter,
    check_not_empty,
    dataset_settings,
    with_whole_seconds,
    write_inter,
    write_scenarios,
)


def convert_amazon(
    source: Path,
    output: Path,
    options: AmazonOptions | None = None,
    reporter: Reporter | None = None,
) -> Report:
    """Convert Amazon reviews to ``output/<name>.{inter,item,scenario,yaml}``.

    Args:
        source: Folder with the raw files, at any depth.
        output: Folder of the data set; its name is the data set's.
        options: Options of the conversion.
        reporter: Shows progress; None shows nothing.

    Returns:
        Counts of the rows written and left out.

    Raises:
        ConverterError: The input, an option or the output cannot be used; nothing is written.
    """
    options = options or AmazonOptions()
    reporter = reporter or Reporter(quiet=True)
    release, categories = find_categories(
        source, list(options.categories), options.release, with_meta=options.meta
    )
    writer = DatasetWriter(output, overwrite=options.overwrite)
    report, rejects = Report(writer.name), Rejects(options.max_bad_rows)
    kind = "implicit feedback" if options.implicit else f"positive from {options.threshold:g} stars"
    report.source = f"Amazon reviews {release}, {kind}"
    with writer, reporter.running():
        inter = _read_all_reviews(categories, release, options, rejects, reporter, report)
        history = inter.select("user_id", "item_id", "scenario")
        inter = _filter(inter, options, report)
        inter = _label(inter, history, options, report)
        report.count(inter)
        inter = with_whole_seconds(inter)
        write_inter(writer, inter, reporter)
        has_meta = any(category.meta for category in categories)
        if has_meta:
            products = read_products(
                categories,
                inter["item_id"],
                LAYOUTS[release].item,
                rejects,
                reporter,
                report,
                allow_truncated=options.allow_truncated,
            )
            frame = products.frame(inter["item_id"])
            writer.table("item", ITEM_FIELDS).write(frame)
            missing = frame.height - len(products.by_id)
            report.notes.append(
                f"{missing:,} of {frame.height:,} items have no description, "
                f"{frame['title'].null_count():,} have no title"
            )
        write_scenarios(writer, [(c.name, c.title, c.description) for c in categories])
        writer.yaml(amazon_settings(described=has_meta), f"{report.source}, as atomic files.")
        rejects.write(writer.staging / REJECTED)
    return report.finish(bad_rows=len(rejects.rows))


def _read_all_reviews(
    categories: list[Category],
    release: str,
    options: AmazonOptions,
    rejects: Rejects,
    reporter: Reporter,
    report: Report,
) -> pl.DataFrame:
    scenarios = pl.Enum([category.name for category in categories])
    parts = []
    for category in categories:
        rows = read_reviews(
            category,
            release,
            rejects,
            reporter,
            report,
            allow_truncated=options.allow_truncated,
        )
        if rows.is_empty():
            raise ConverterError(f"{category.reviews.name}: the file has no reviews")
        parts.append(rows.with_columns(pl.lit(category.name, scenarios).alias("scenario")))
    return pl.concat(parts)


def _filter(inter: pl.DataFrame, options: AmazonOptions, report: Report) -> pl.DataFrame:
    """Apply time range, repeats, then shared users and k-core until no row is dropped."""

    if options.since:
        since = parse_time(options.since, "--since")
        inter = report.count_dropped(
            "before --since", inter, inter.filter(pl.col("timestamp") >= since)
        )
    if options.until:
        until = parse_time(options.until, "--until")
        inter = report.count_dropped(
            "from --until on", inter, inter.filter(pl.col("timestamp") < until)
        )
    if options.repeats == "merge":
        inter = report.count_dropped(
            "repeated user and item, merged", inter, latest_of_repeats(inter)
        )
    while True:
        before = inter.height
        if options.shared_users:
            scenarios = pl.col("scenario").n_unique().over("user_id")
            inter = report.count_dropped(
                "user in one scenario only", inter, inter.filter(scenarios >= 2)
            )
        core = k_core(inter, options.k_core)
        inter = report.count_dropped(f"outside the {options.k_core}-core", inter, core)
        if inter.height == before:
            break
    check_not_empty(inter, report)
    return inter


def _label(
    inter: pl.DataFrame, history: pl.DataFrame, options: AmazonOptions, report: Report
) -> pl.DataFrame:
    """Add the label from the rating, or with ``implicit`` sampled negatives."""
    if not options.implicit:
        return inter.with_columns(label=(pl.col("rating") >= options.threshold).cast(pl.UInt8))
    positive = inter.with_columns(label=pl.lit(1, pl.UInt8))
    both, missing = add_negatives(
        positive,
        history,
        options.negatives,
        by_popularity=options.sampling == "popularity",
        seed=options.seed,
    )
    if missing:
        report.notes.append(
            f"{missing:,} negatives could not be drawn: their users have nearly every item"
        )
    return both


def amazon_settings(*, described: bool = True) -> dict[str, object]:
    """Return the RecBole configuration of converted Amazon reviews.

    The columns to load leave out the rating, because the label is computed from it, and the title,
    which only prompts use.

    Args:
        described: Whether there is an ``.item`` file with product descriptions.
    """
    return dataset_settings(
        user=[],
        item=[name for name in ITEM_FIELDS if name != "title"] if described else [],
        template="product",
        texts=["title", "brand", "category"] if described else [],
    )
