"""Find the review and product files of each category in a folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from dataset_converters.amazon.release import LAYOUTS, detect_release
from dataset_converters.errors import ConverterError, nearest
from dataset_converters.reading import RawFile
from dataset_converters.writing import REJECTED

_DATA = r"\.(?:jsonl?|csv)(?:\.gz)?$"
_META = re.compile(r"^meta_(?P<category>.+?)" + _DATA)
_REVIEWS = re.compile(r"^(?P<old>reviews_|ratings_)?(?P<category>.+?)(?:_5)?" + _DATA)


@dataclass(frozen=True)
class Category:
    """The files of one category, which becomes one scenario."""

    name: str
    reviews: RawFile
    meta: RawFile | None

    @property
    def title(self) -> str:
        """Name to show: ``Sports and Outdoors`` for ``Sports_and_Outdoors``."""
        words = self.name.replace("_", " ")
        return words.title() if words.isupper() else words

    @property
    def description(self) -> str:
        """Phrase that describes the scenario in prompts and reports."""
        return f"products that customers bought and reviewed on Amazon in {self.title}"


def find_categories(
    folder: Path, wanted: list[str], release: str | None, *, with_meta: bool
) -> tuple[str, list[Category]]:
    """Find the review and product files of categories.

    Args:
        folder: Folder to search, at any depth.
        wanted: Category names as in the file names; empty means all in the folder.
        release: ``2014``, ``2018`` or ``2023``; None detects it.
        with_meta: Also look for product files (``meta_*``).

    Returns:
        The release, and the categories in the order of ``wanted`` (or of their names).

    Raises:
        ConverterError: A category is unknown or has several files, or the releases differ.
    """
    if release is not None and release not in LAYOUTS:
        raise ConverterError(f"--release={release}: must be one of {', '.join(LAYOUTS)}")
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
        raise ConverterError(
            f"--input={folder}: contains no reviews_*.json.gz, *.jsonl.gz or rating tables"
        )
    by_normalised_name = {_normalise(name): name for name in reviews}
    categories, releases = [], {}
    for given in wanted or sorted(reviews):
        if _normalise(given) not in by_normalised_name:
            close = nearest(given, reviews)
            raise ConverterError(
                f"--categories: no file of category {given!r} in {folder}{close}; "
                f"categories there: {', '.join(sorted(reviews))}"
            )
        name = by_normalised_name[_normalise(given)]
        file = _choose_file(name, reviews[name], release)
        releases[name] = release or detect_release(file)
        meta_file = _choose_file(name, meta[name], release) if with_meta and name in meta else None
        categories.append(Category(name, file, meta_file))
    if len({_normalise(category.name) for category in categories}) < len(categories):
        raise ConverterError(f"--categories: a category occurs twice ({', '.join(wanted)})")
    if len(set(releases.values())) > 1:
        mixed = ", ".join(f"{name} {value}" for name, value in releases.items())
        raise ConverterError(f"files of different releases ({mixed}): their ids do not match")
    return next(iter(releases.values())), categories


def _normalise(name: str) -> str:
    """Return the name in lower case with underscores for white space."""
    return re.sub(r"[\s_]+", "_", name.strip()).lower()


def _choose_file(category: str, files: list[RawFile], release: str | None) -> RawFile:
    if len(files) > 1 and release is not None:
        files = [file for file in files if _release_or_none(file) == release] or files
    if len(files) > 1:
        names = ", ".join(file.name for file in files)
        raise ConverterError(
            f"category {category}: several files ({names}); keep one in the folder, or choose "
            "one with --release"
        )
    return files[0]


def _release_or_none(file: RawFile) -> str | None:
    try:
        return detect_release(file)
    except ConverterError:
        return None
