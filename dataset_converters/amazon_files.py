"""Which Amazon files lie in a folder, of which release, and how each is laid out.

References of the releases: He and McAuley, WWW 2016 (2014); Ni et al., EMNLP 2019 (2018);
Hou et al., arXiv 2403.03952 (2023).
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from dataset_converters.atomic import REJECTED
from dataset_converters.errors import ConverterError, nearest
from dataset_converters.json_rows import parse
from dataset_converters.raw_files import RawFile

_DATA = r"\.(?:jsonl?|csv)(?:\.gz)?$"
_META = re.compile(r"^meta_(?P<category>.+?)" + _DATA)
_REVIEWS = re.compile(r"^(?P<old>reviews_|ratings_)?(?P<category>.+?)(?:_5)?" + _DATA)
_PEEK = 1 << 20


@dataclass(frozen=True)
class Layout:
    """Names and units of one release's reviews."""

    user: str
    item: str
    rating: str
    time: str
    per_second: int  # units of time in a second
    csv_columns: tuple[str, ...]  # of a rating file without header


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


@dataclass(frozen=True)
class Category:
    """The files of one category, which becomes one scenario."""

    name: str
    reviews: RawFile
    meta: RawFile | None

    @property
    def title(self) -> str:
        """The name for people: ``Sports_and_Outdoors`` is ``Sports and Outdoors``."""
        words = self.name.replace("_", " ")
        return words.title() if words.isupper() else words

    @property
    def description(self) -> str:
        """A sentence part for prompts and reports."""
        return f"products that customers bought and reviewed on Amazon in {self.title}"


def find_categories(
    folder: Path, wanted: list[str], release: str | None, *, with_meta: bool
) -> tuple[str, list[Category]]:
    """Find the files of the categories asked for.

    Args:
        folder: Searched at any depth.
        wanted: Category names as in the file names; empty means all that are there.
        release: ``2014``, ``2018``, ``2023``; None recognises it.
        with_meta: Look for product descriptions too.

    Returns:
        The release, and the categories in the order asked for (or of their names).

    Raises:
        ConverterError: A category is unknown, has several files, or the releases are mixed.
    """
    if release is not None and release not in LAYOUTS:
        raise ConverterError(f"--release={release}: one of {', '.join(LAYOUTS)}")
    if not folder.is_dir():
        raise ConverterError(f"--input={folder}: there is no such folder")
    reviews: dict[str, list[RawFile]] = {}
    meta: dict[str, list[RawFile]] = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name.startswith((".", "qa_")) or path.name == REJECTED:
            continue
        if match := _META.match(path.name):
            meta.setdefault(match["category"], []).append(RawFile(path))
        elif match := _REVIEWS.match(path.name):
            reviews.setdefault(match["category"], []).append(RawFile(path))
    if not reviews:
        raise ConverterError(f"--input={folder}: no reviews_*.json.gz, *.jsonl.gz or ratings there")
    by_key = {_key(name): name for name in reviews}
    categories, releases = [], {}
    for given in wanted or sorted(reviews):
        if _key(given) not in by_key:
            close = nearest(given, reviews)
            raise ConverterError(
                f"--categories: no file of category {given!r} in {folder}{close}; "
                f"there are {', '.join(sorted(reviews))}"
            )
        name = by_key[_key(given)]
        file = _only(name, reviews[name], release)
        releases[name] = release or recognise(file)
        described = _only(name, meta[name], release) if with_meta and name in meta else None
        categories.append(Category(name, file, described))
    if len({_key(category.name) for category in categories}) < len(categories):
        raise ConverterError(f"--categories: one is named twice ({', '.join(wanted)})")
    if len(set(releases.values())) > 1:
        mixed = ", ".join(f"{name} {value}" for name, value in releases.items())
        raise ConverterError(f"files of different releases ({mixed}): their ids do not match")
    return next(iter(releases.values())), categories


def _key(name: str) -> str:
    return re.sub(r"[\s_]+", "_", name.strip()).lower()


def _only(category: str, files: list[RawFile], release: str | None) -> RawFile:
    if len(files) > 1 and release is not None:
        files = [file for file in files if _release_of(file) == release] or files
    if len(files) > 1:
        names = ", ".join(file.name for file in files)
        raise ConverterError(
            f"category {category}: several files ({names}); keep one in the folder, or choose "
            "with --release"
        )
    return files[0]


def _release_of(file: RawFile) -> str | None:
    try:
        return recognise(file)
    except ConverterError:
        return None


def first_lines(file: RawFile) -> list[str]:
    """Return the first whole lines of a file, a megabyte at most."""
    stream = file.open()
    data = stream.read(_PEEK)
    stream.close()
    lines = data.decode("utf-8-sig", "replace").split("\n")
    return [line.rstrip("\r") for line in (lines[:-1] or lines) if line.strip()]


def is_table(file: RawFile) -> bool:
    """Whether it is a rating file (CSV) and not JSON lines."""
    return ".csv" in file.path.name


def recognise(file: RawFile) -> str:
    """Tell the release of a file of reviews, ratings or products by what is in it.

    Raises:
        ConverterError: It looks like none of them; ``--release`` decides then.
    """
    lines = first_lines(file)
    if not lines:
        raise ConverterError(f"{file.name}: the file is empty")
    if is_table(file):
        return _recognise_table(file, lines)
    try:
        row = parse(lines[0])
    except ValueError as error:
        raise ConverterError(f"{file.name}, line 1: {error}") from error
    if "parent_asin" in row:
        return "2023"
    if "asin" not in row:
        raise ConverterError(f"{file.name}, line 1: no key asin or parent_asin in it")
    if {"helpful", "imUrl", "salesRank", "categories"} & row.keys():
        return "2014"
    if {"verified", "style", "vote", "category", "also_buy", "main_cat"} & row.keys():
        return "2018"
    return "2014" if file.path.name.startswith("reviews_") or lines[0][1] == "'" else "2018"


def has_header(lines: list[str]) -> bool:
    """Whether a rating file begins with a header line."""
    return "parent_asin" in lines[0] or "asin" in lines[0].split(",")


def _recognise_table(file: RawFile, lines: list[str]) -> str:
    if has_header(lines):
        return "2023" if "parent_asin" in lines[0] else "2018"
    rows = [row for row in csv.reader(lines[:1000]) if len(row) == 4]
    # Product ids have ten characters; nearly all user ids have more.
    fits = [bool(rows) and all(len(row[place]) == 10 for row in rows) for place in (0, 1)]
    if fits[0] != fits[1]:
        return "2018" if fits[0] else "2014"
    if file.path.name.startswith("ratings_"):
        return "2014"
    raise ConverterError(
        f"{file.name}: cannot tell users from items in this rating file; say --release=2014 "
        "(user,item,...) or --release=2018 (item,user,...)"
    )
