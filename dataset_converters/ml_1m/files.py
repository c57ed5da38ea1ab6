"""Read the three files of MovieLens 1M, whose fields are separated by ``::``, in Latin-1.

Layout: the README of the release, https://files.grouplens.org/datasets/movielens/ml-1m-README.txt
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from dataset_converters.reading import (
    LINE,
    Column,
    Dialect,
    RawFile,
    Rejects,
    find_files,
    read_csv_rows,
    reject_where,
)
from dataset_converters.writing import Reporter

DIALECT = Dialect("::", quotes=False, encoding="latin-1")
RATINGS, USERS, MOVIES = "ratings.dat", "users.dat", "movies.dat"
PUBLISHED_ROWS = 1_000_209  # of ratings.dat

#: Name and scenario of an age, which the release gives as the lower end of a group.
AGES = {
    1: ("under 18", "0-24"),
    18: ("18-24", "0-24"),
    25: ("25-34", "25-34"),
    35: ("35-44", "35-99"),
    45: ("45-49", "35-99"),
    50: ("50-55", "35-99"),
    56: ("56 or older", "35-99"),
}
#: Names of the occupations, which the release gives as a number from 0 on.
OCCUPATIONS = (
    *("other", "academic or educator", "artist", "clerical or administration"),
    *("college or graduate student", "customer service", "doctor or health care"),
    *("executive or manager", "farmer", "homemaker", "K-12 student", "lawyer", "programmer"),
    *("retired", "sales or marketing", "scientist", "self-employed", "technician or engineer"),
    *("tradesman or craftsman", "unemployed", "writer"),
)
_TITLE = r"^(.*?)\s*\((\d{4})\)$"


def find_ml_1m(source: Path) -> dict[str, RawFile]:
    """Find the three files in ``ml-1m.zip`` or in a folder.

    Raises:
        ConverterError: One is missing.
    """
    return find_files(source, [RATINGS, USERS, MOVIES])


def read_ratings(file: RawFile, rejects: Rejects, reporter: Reporter) -> pl.DataFrame:
    """Read the ratings: ``user_id, item_id, rating, timestamp, _line``."""
    columns = [
        Column("user_id", "id"),
        Column("item_id", "id"),
        Column("rating", "count"),
        Column("timestamp", "time"),
    ]
    parts = _read(file, columns, rejects, reporter)
    bad = ~pl.col("rating").is_in([1.0, 2.0, 3.0, 4.0, 5.0])
    reason = "is not a rating of 1 to 5 whole stars"
    return pl.concat([reject_where(part, bad, file, "rating", reason, rejects) for part in parts])


def read_users(file: RawFile, rejects: Rejects, reporter: Reporter) -> pl.DataFrame:
    """Read the users: ``user_id, gender, age, occupation, zip_code, scenario``."""
    columns = [
        Column("user_id", "id"),
        Column("gender", "text"),
        Column("age", "id"),
        Column("occupation", "id"),
        Column("zip_code", "text"),
    ]
    parts = []
    for part in _read(file, columns, rejects, reporter):
        tests = (
            ("gender", ~pl.col("gender").is_in(["F", "M"]), "is neither F nor M"),
            ("age", ~pl.col("age").is_in(list(AGES)), "is not an age group of the release"),
            ("occupation", pl.col("occupation") >= len(OCCUPATIONS), "is not an occupation"),
        )
        for column, bad, reason in tests:
            part = reject_where(part, bad, file, column, reason, rejects)
        parts.append(part)
    users = pl.concat(parts)
    age = {code: name for code, (name, _) in AGES.items()}
    scenario = {code: group for code, (_, group) in AGES.items()}
    occupation = dict(enumerate(OCCUPATIONS))
    return users.with_columns(
        pl.col("age").replace_strict(age, return_dtype=pl.String),
        pl.col("age").replace_strict(scenario, return_dtype=pl.String).alias("scenario"),
        pl.col("occupation").replace_strict(occupation, return_dtype=pl.String),
    )


def read_movies(file: RawFile, rejects: Rejects, reporter: Reporter) -> pl.DataFrame:
    """Read the movies: ``item_id, movie_title, release_year, genres``.

    The year is taken from the end of the title; the genres are separated by spaces.
    """
    columns = [Column("item_id", "id"), Column("title", "text"), Column("genres", "text")]
    movies = pl.concat(_read(file, columns, rejects, reporter))
    title = pl.col("title").str.strip_chars()
    return movies.select(
        "item_id",
        pl.coalesce(title.str.extract(_TITLE, 1), title).alias("movie_title"),
        title.str.extract(_TITLE, 2).alias("release_year"),
        pl.col("genres").str.replace_all(" ", "_").str.replace_all("|", " ", literal=True),
        LINE,
    )


def _read(
    file: RawFile, columns: list[Column], rejects: Rejects, reporter: Reporter
) -> list[pl.DataFrame]:
    header = [column.name for column in columns]
    empty = pl.DataFrame(schema={column.name: column.dtype for column in columns} | {LINE: int})
    rows = read_csv_rows(file, columns, rejects, reporter, header=header, dialect=DIALECT)
    return [empty, *rows]
