"""Convert MovieLens 1M: three age groups of the users are the scenarios.

Groups, label and split are those of the benchmark Scenario-Wise-Rec (arXiv 2412.17374).

Reference:
    F. Maxwell Harper and Joseph A. Konstan. "The MovieLens Datasets: History and Context."
    ACM Transactions on Interactive Intelligent Systems 5(4), 2015.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from dataset_converters.ml_1m.files import (
    MOVIES,
    PUBLISHED_ROWS,
    RATINGS,
    USERS,
    find_ml_1m,
    read_movies,
    read_ratings,
    read_users,
)
from dataset_converters.ml_1m.options import Ml1mOptions
from dataset_converters.reading import LINE, FirstRows, RawFile, Rejects
from dataset_converters.selection import k_core
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

SCENARIOS = [
    ("0-24", "Viewers under 25", "films rated by pupils, students and other young viewers"),
    ("25-34", "Viewers of 25 to 34", "films rated by viewers aged 25 to 34"),
    ("35-99", "Viewers of 35 and older", "films rated by viewers aged 35 or older"),
]
USER_FIELDS = dict.fromkeys(("user_id", "gender", "age", "occupation", "zip_code"), "token")
ITEM_FIELDS = {
    "item_id": "token",
    "movie_title": "token_seq",
    "release_year": "token",
    "genres": "token_seq",
}


def convert_ml_1m(
    source: Path,
    output: Path,
    options: Ml1mOptions | None = None,
    reporter: Reporter | None = None,
) -> Report:
    """Convert MovieLens 1M to ``output/<name>.{inter,user,item,scenario,yaml}``.

    Args:
        source: The published ``ml-1m.zip``, or a folder with its files at any depth.
        output: Folder of the data set; its name is the data set's.
        options: Options of the conversion.
        reporter: Shows progress; None shows nothing.

    Returns:
        Counts of the rows written and left out.

    Raises:
        ConverterError: The input, an option or the output cannot be used; nothing is written.
    """
    options = options or Ml1mOptions()
    reporter = reporter or Reporter(quiet=True)
    writer = DatasetWriter(output, overwrite=options.overwrite)
    files = find_ml_1m(source)
    report, rejects = Report(writer.name), Rejects(options.max_bad_rows)
    report.source = f"MovieLens 1M, positive from {options.threshold:g} stars"
    with writer, reporter.running():
        ratings = read_ratings(files[RATINGS], rejects, reporter)
        users = read_users(files[USERS], rejects, reporter)
        movies = read_movies(files[MOVIES], rejects, reporter)
        if ratings.height != PUBLISHED_ROWS:
            report.notes.append(
                f"{RATINGS} has {ratings.height:,} rows; MovieLens 1M is published with "
                f"{PUBLISHED_ROWS:,}"
            )
        users = _described(users, ratings["user_id"], files[USERS], rejects, report)
        movies = _described(movies, ratings["item_id"], files[MOVIES], rejects, report)
        inter = _add_scenario(ratings, users, files[RATINGS], rejects)
        inter = report.count_dropped(
            f"outside the {options.k_core}-core", inter, k_core(inter, options.k_core)
        )
        check_not_empty(inter, report)
        inter = inter.with_columns(
            label=(pl.col("rating") >= options.threshold).cast(pl.UInt8),
        )
        report.count(inter)
        write_inter(writer, with_whole_seconds(inter), reporter, {"rating": "float"})
        for suffix, key, frame, fields in (
            ("user", "user_id", users, USER_FIELDS),
            ("item", "item_id", movies, ITEM_FIELDS),
        ):
            ids = pl.DataFrame({key: inter[key].unique().sort()})
            writer.table(suffix, fields).write(ids.join(frame, on=key, how="left").sort(key))
        write_scenarios(writer, SCENARIOS)
        writer.yaml(ml_1m_settings(), f"{report.source}, as atomic files.")
        rejects.write(writer.staging / REJECTED)
    return report.finish(bad_rows=len(rejects.rows))


def _described(
    rows: pl.DataFrame, occurring: pl.Series, file: RawFile, rejects: Rejects, report: Report
) -> pl.DataFrame:
    """Keep the first row of every user or movie that is rated; count those without a row."""
    if occurring.is_empty():
        return rows
    first_rows = FirstRows(occurring, occurring.name)
    kept = first_rows.keep(rows, file, rejects, report)
    entities = "users" if occurring.name == "user_id" else "movies"
    first_rows.note_missing(entities, file.base_name, report)
    return kept


def _add_scenario(
    ratings: pl.DataFrame, users: pl.DataFrame, file: RawFile, rejects: Rejects
) -> pl.DataFrame:
    """Add the age group of the user; a rating of a user without a row is bad."""
    scenario = ratings["user_id"].replace_strict(
        users["user_id"], users["scenario"], default=None, return_dtype=pl.String
    )
    inter = ratings.with_columns(scenario.alias("scenario"))
    for row in inter.filter(pl.col("scenario").is_null()).iter_rows(named=True):
        shown = "::".join(f"{row[name]:g}" for name in ("user_id", "item_id", "rating"))
        reason = f"the user has no valid row in {USERS}, so the age group is unknown"
        rejects.add(file.name, int(row[LINE]), "user_id", reason, shown)
    return inter.filter(pl.col("scenario").is_not_null()).drop(LINE)


def ml_1m_settings() -> dict[str, object]:
    """Return the RecBole configuration of a converted MovieLens 1M.

    The split is at random, as in Scenario-Wise-Rec.
    """
    settings = dataset_settings(
        user=list(USER_FIELDS),
        item=[name for name in ITEM_FIELDS if name != "movie_title"],
        template="movie",
        texts=["movie_title", "genres"],
    )
    settings["eval_args"] = {**settings["eval_args"], "order": "RO"}  # type: ignore[dict-item]
    return settings | {
        "item_category_field": "genres",
        "user_profile_fields": ["gender", "age", "occupation"],
    }
