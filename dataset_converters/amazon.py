"""Amazon reviews: a category is a scenario.

References:
    He and McAuley, WWW 2016 (2014 release); Ni et al., EMNLP 2019 (2018); Hou et al.,
    arXiv 2403.03952 (2023).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from dataset_converters.amazon_files import LAYOUTS, Category, find_categories
from dataset_converters.amazon_meta import ITEM_FIELDS, read_products
from dataset_converters.amazon_reviews import read_reviews
from dataset_converters.atomic import REJECTED, DatasetWriter
from dataset_converters.errors import ConverterError, nearest
from dataset_converters.filters import k_core, parse_time
from dataset_converters.layout import (
    check_some_left,
    settings_of,
    write_inter,
    write_scenarios,
)
from dataset_converters.negatives import add_negatives
from dataset_converters.rejects import Rejects
from dataset_converters.report import Report, Reporter


@dataclass(frozen=True)
class AmazonOptions:
    """What to make of the reviews.

    Attributes:
        categories: Names as in the files; empty means all that are in the folder.
        release: ``2014``, ``2018`` or ``2023``; None recognises it from the files.
        threshold: A rating of at least this is positive.
        implicit: Every review is positive; negatives are sampled.
        negatives: Negatives of each positive, with ``implicit``.
        sampling: ``popularity`` or ``uniform``, with ``implicit``.
        seed: Seed of the sampled negatives.
        k_core: Fewest rows of a user and of an item, over all scenarios together.
        shared_users: Keep only users with rows in two scenarios or more.
        repeats: ``keep`` all rows of a user, item and scenario, or ``merge`` to the latest.
        since: First moment kept; unix seconds, or a date (UTC).
        until: First moment no longer kept.
        meta: Read product descriptions where there are any.
        allow_truncated: Use a gzip stream that breaks off up to its last whole line.
        max_bad_rows: Bad rows that may go to ``rejected.jsonl``.
        overwrite: Replace an existing data set.
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
            raise ConverterError(f"--repeats={self.repeats}: keep or merge")
        if self.sampling not in ("popularity", "uniform"):
            close = nearest(self.sampling, ("popularity", "uniform"))
            raise ConverterError(f"--sampling={self.sampling}: popularity or uniform{close}")


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
        options: What to make of them.
        reporter: Where progress goes.

    Returns:
        The counts of what was written and left out.

    Raises:
        ConverterError: Input, options or output cannot be used; nothing was written.
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
        inter = _read_all(categories, release, options, rejects, reporter, report)
        had = inter.select("user_id", "item_id", "scenario")
        inter = _cut_down(inter, options, report)
        inter = _label(inter, had, options, report)
        report.count(inter)
        if (inter["timestamp"] == inter["timestamp"].floor()).all():
            inter = inter.with_columns(pl.col("timestamp").cast(pl.Int64))
        write_inter(writer, inter, reporter)
        described = any(category.meta for category in categories)
        if described:
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
            missing = frame.height - len(products.known)
            report.notes.append(
                f"{missing:,} of {frame.height:,} items have no description, "
                f"{frame['title'].null_count():,} have no title"
            )
        write_scenarios(writer, [(c.name, c.title, c.description) for c in categories])
        writer.yaml(settings(described=described), f"{report.source}, as atomic files.")
        rejects.write(writer.staging / REJECTED)
    if rejects.rows:
        report.dropped[f"bad rows ({REJECTED})"] = len(rejects.rows)
    return report.finish()


def _read_all(
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
            raise ConverterError(f"{category.reviews.name}: no review in it")
        parts.append(rows.with_columns(pl.lit(category.name, scenarios).alias("scenario")))
    return pl.concat(parts)


def _cut_down(inter: pl.DataFrame, options: AmazonOptions, report: Report) -> pl.DataFrame:
    """Time range, repeats, then shared users and k-core until neither takes anything away."""

    def dropped(reason: str, after: pl.DataFrame) -> pl.DataFrame:
        if after.height < inter.height:
            report.dropped[reason] += inter.height - after.height
        return after

    if options.since:
        since = parse_time(options.since, "--since")
        inter = dropped("before --since", inter.filter(pl.col("timestamp") >= since))
    if options.until:
        until = parse_time(options.until, "--until")
        inter = dropped("from --until on", inter.filter(pl.col("timestamp") < until))
    if options.repeats == "merge":
        order = inter.with_row_index("_row").sort("timestamp", maintain_order=True)
        same = ["user_id", "item_id", "scenario"]
        latest = order.unique(subset=same, keep="last", maintain_order=True)
        merged = latest.sort("_row").drop("_row")
        inter = dropped("repeated user and item, merged", merged)
    while True:
        before = inter.height
        if options.shared_users:
            scenarios = pl.col("scenario").n_unique().over("user_id")
            inter = dropped("user in one scenario only", inter.filter(scenarios >= 2))
        core = k_core(inter, options.k_core)
        inter = dropped(f"outside the {options.k_core}-core", core)
        if inter.height == before:
            break
    check_some_left(inter, report)
    return inter


def _label(
    inter: pl.DataFrame, had: pl.DataFrame, options: AmazonOptions, report: Report
) -> pl.DataFrame:
    if not options.implicit:
        return inter.with_columns(label=(pl.col("rating") >= options.threshold).cast(pl.UInt8))
    positive = inter.with_columns(label=pl.lit(1, pl.UInt8))
    both, missing = add_negatives(
        positive,
        had,
        options.negatives,
        by_popularity=options.sampling == "popularity",
        seed=options.seed,
    )
    if missing:
        report.notes.append(
            f"{missing:,} negatives could not be drawn: their users have nearly every item"
        )
    return both


def settings(*, described: bool = True) -> dict[str, object]:
    """RecBole's configuration of the converted data set.

    The rating is not among the columns to load, because the label is made from it, and neither is
    the title, which only prompts use.
    """
    return settings_of(
        user=[],
        item=[name for name in ITEM_FIELDS if name != "title"] if described else [],
        template="product",
        texts=["title", "brand", "category"] if described else [],
    )
