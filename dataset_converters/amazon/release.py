"""Releases of the Amazon reviews: column names and units, and detection from a file's content.

References: He and McAuley, WWW 2016 (2014); Ni et al., EMNLP 2019 (2018); Hou et al., arXiv
2403.03952 (2023).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass

from dataset_converters.errors import ConverterError
from dataset_converters.reading import RawFile, parse_object

_PEEK_BYTES = 1 << 20


@dataclass(frozen=True)
class Layout:
    """Column names and time unit of the reviews of one release."""

    user: str
    item: str
    rating: str
    time: str
    per_second: int  # units of time per second
    csv_columns: tuple[str, ...]  # of a rating file without a header


_OLD = ("reviewerID", "asin", "overall", "unixReviewTime")
LAYOUTS = {
    "2014": Layout(*_OLD, 1, ("reviewerID", "asin", "overall", "unixReviewTime")),
    "2018": Layout(*_OLD, 1, ("asin", "reviewerID", "overall", "unixReviewTime")),
    "2023": Layout(
        "user_id",
        "parent_asin",
        "rating",
        "timestamp",
        1000,
        ("user_id", "parent_asin", "rating", "timestamp"),
    ),
}


def first_lines(file: RawFile) -> list[str]:
    """Return the whole, non-empty lines in the first megabyte of a file."""
    stream = file.open()
    data = stream.read(_PEEK_BYTES)
    stream.close()
    lines = data.decode("utf-8-sig", "replace").split("\n")
    return [line.rstrip("\r") for line in (lines[:-1] or lines) if line.strip()]


def is_table(file: RawFile) -> bool:
    """Return whether a file is a rating table (CSV), not JSON lines."""
    return ".csv" in file.path.name


def detect_release(file: RawFile) -> str:
    """Detect the release of a file of reviews, ratings or products from its content.

    Raises:
        ConverterError: The file matches no release, or a rating table matches two.
    """
    lines = first_lines(file)
    if not lines:
        raise ConverterError(f"{file.name}: the file is empty")
    if is_table(file):
        return _detect_release_of_table(file, lines)
    try:
        row = parse_object(lines[0])
    except ValueError as error:
        raise ConverterError(f"{file.name}, line 1: {error}") from error
    if "parent_asin" in row:
        return "2023"
    if "asin" not in row:
        raise ConverterError(f"{file.name}, line 1: has neither the key asin nor parent_asin")
    if {"user_id", "timestamp"} <= row.keys():
        raise ConverterError(
            f"{file.name}, line 1: has user_id and timestamp, as the release of 2023, and not its "
            "key parent_asin; add it (it is asin where a product has no variants)"
        )
    if {"helpful", "imUrl", "salesRank", "categories"} & row.keys():
        return "2014"
    if {"verified", "style", "vote", "category", "also_buy", "main_cat"} & row.keys():
        return "2018"
    return "2014" if file.path.name.startswith("reviews_") or lines[0][1] == "'" else "2018"


def has_header(lines: list[str]) -> bool:
    """Return whether the lines of a rating table begin with a header."""
    return "parent_asin" in lines[0] or "asin" in lines[0].split(",")


def _detect_release_of_table(file: RawFile, lines: list[str]) -> str:
    if has_header(lines):
        return "2023" if "parent_asin" in lines[0] else "2018"
    rows = [row for row in csv.reader(lines[:1000]) if len(row) == 4]
    # Product ids have ten characters; nearly all user ids have more.
    is_item = [bool(rows) and all(len(row[i]) == 10 for row in rows) for i in (0, 1)]
    if is_item[0] != is_item[1]:
        return "2018" if is_item[0] else "2014"
    if file.path.name.startswith("ratings_"):
        return "2014"
    raise ConverterError(
        f"{file.name}: cannot tell users from items in this rating table; give --release=2014 "
        "(user,item,...) or --release=2018 (item,user,...)"
    )
