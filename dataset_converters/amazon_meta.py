"""Products of Amazon: title, brand, leaf category and price bucket, cleaned of the crawl's dirt."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

import polars as pl

from dataset_converters.amazon_files import Category
from dataset_converters.csv_rows import LINE
from dataset_converters.json_rows import TEXT, parse, read_lines
from dataset_converters.rejects import Rejects
from dataset_converters.report import Report, Reporter

_HIDDEN = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|$)", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<!--.*?-->", re.DOTALL)
_OPEN_TAG = re.compile(r"</?[a-zA-Z!][^<>]*$", re.DOTALL)  # a tag that the crawl cut off
_CODE = re.compile(r"function\s*\(|\bvar \w+ ?=|getElementById|\{\s*[\w-]+\s*:[^}]*;|getTime\(")
_BY = re.compile(r"^(?:visit amazon's|by)\s+", re.IGNORECASE)
_PRICE = re.compile(r"^\$?\s*(\d[\d,]*(?:\.\d+)?)(?:\s*-\s*\$?\s*\d[\d,]*(?:\.\d+)?)?$")
_LONGEST_TITLE = 500  # characters; Amazon's own limit has been 200, longer ones are page text
_LONGEST_NAME = 80
_PRICE_EDGES = (5, 10, 20, 50, 100, 200)
ITEM_FIELDS = {
    "item_id": "token",
    "title": "token_seq",
    "brand": "token",
    "category": "token",
    "price_bucket": "token",
}


def clean_text(value: object) -> str | None:
    """Return a text without HTML entities, tags and extra white space.

    Args:
        value: What the crawl has; often no title at all but a fragment of a page.

    Returns:
        The text, or None when nothing that reads as a text is left.
    """
    if not isinstance(value, str):
        return None
    text = value
    for _ in range(3):  # entities were escaped up to twice
        if (plain := html.unescape(text)) == text:
            break
        text = plain
    text = _OPEN_TAG.sub(" ", _TAG.sub(" ", _HIDDEN.sub(" ", text)))
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if _CODE.search(text) or not any(c.isalnum() for c in text):
        return None
    return text


def clean_title(value: object) -> str | None:
    """Return a product's title, or None for a fragment that is no title."""
    text = clean_text(value)
    return text if text is not None and len(text) <= _LONGEST_TITLE else None


def clean_brand(value: object) -> str | None:
    """Return a brand; ``by Acme`` is ``Acme``."""
    text = clean_text(value)
    text = _BY.sub("", text) if text else None
    return text if text and len(text) <= _LONGEST_NAME else None


def leaf_category(row: dict[str, object]) -> str | None:
    """Return the most specific category of a product.

    2014 has a list of paths, of which the first counts; 2018 one path into which sentences of
    the product's description have run; 2023 one path, or only a main category.
    """
    path = row.get("categories") or row.get("category") or []
    if isinstance(path, list) and path and isinstance(path[0], list):
        path = path[0]
    leaf = None
    for step in path if isinstance(path, list) else [path]:
        text = clean_text(step)
        if not text or len(text) > _LONGEST_NAME or text[-1] in ".!:;" or len(text.split()) > 8:
            break
        leaf = text
    if leaf is None and not path:
        leaf = clean_text(row.get("main_category") or row.get("main_cat"))
    return leaf


def price_bucket(value: object) -> str | None:
    """Return the bucket of a price such as ``10-20`` (dollars, from 10 up to below 20).

    Args:
        value: A number, ``"$25.00"``, a range (its lower end counts), or no price at all.
    """
    if isinstance(value, str):
        match = _PRICE.match(value.strip())
        value = float(match[1].replace(",", "")) if match else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e6:
        return None
    lower = 0
    for edge in _PRICE_EDGES:
        if value < edge:
            return f"{lower}-{edge}"
        lower = edge
    return f"{lower}+"


@dataclass
class Products:
    """What is known of the products that occur, by id: (title, brand, category, price bucket)."""

    known: dict[str, tuple[str | None, ...]]

    def frame(self, items: pl.Series) -> pl.DataFrame:
        """Return a row per item, in sorted order; unknown products have empty fields."""
        nothing = (None,) * (len(ITEM_FIELDS) - 1)
        ids = items.unique().sort().to_list()
        rows = [(item, *self.known.get(item, nothing)) for item in ids]
        return pl.DataFrame(rows, schema=dict.fromkeys(ITEM_FIELDS, pl.String), orient="row")


def read_products(
    categories: list[Category],
    items: pl.Series,
    key: str,
    rejects: Rejects,
    reporter: Reporter,
    report: Report,
    *,
    allow_truncated: bool,
) -> Products:
    """Read the descriptions of the products that occur.

    A line is only parsed when its id occurs or cannot be made out; published descriptions
    cover many times more products than the reviews.

    Args:
        categories: Their ``meta`` files are read, where there are any.
        items: Ids that occur.
        key: Name of the id, ``asin`` or ``parent_asin``.
        rejects: Takes broken lines, and products described twice and differently.
        reporter: Shows progress.
        report: Takes counts and notes.
        allow_truncated: As for reviews.
    """
    occurring = items.unique()
    wanted, known = occurring.implode(), set(occurring)
    products = Products({})
    pattern = rf"""["']{key}["']\s*:\s*["']([^"']*)["']"""
    cut_short = report.notes if allow_truncated else None
    skipped = duplicates = no_title = 0
    for file in [category.meta for category in categories if category.meta]:
        for lines in read_lines(file, rejects, reporter, cut_short):
            # Texts may hold such a pair too: a line is skipped where that is its only one.
            asin = pl.col(TEXT).str.extract(pattern)
            is_certain = pl.col(TEXT).str.count_matches(pattern) == 1
            used = lines.filter(asin.is_in(wanted) | ~is_certain)
            skipped += lines.height - used.height
            for text, number in used.select(TEXT, LINE).iter_rows():
                try:
                    row = parse(text)
                except ValueError as error:
                    rejects.add(file.name, number, None, str(error), text)
                    continue
                item = row.get(key)
                if not isinstance(item, str) or not item:
                    rejects.add(file.name, number, key, "missing or not a text", text)
                    continue
                if item not in known:
                    skipped += 1
                    continue
                title = clean_title(row.get("title"))
                if title is None and row.get("title"):
                    no_title += 1
                brand = clean_brand(row.get("brand") or row.get("store"))
                found = (title, brand, leaf_category(row), price_bucket(row.get("price")))
                before = products.known.setdefault(item, found)
                if before is found:
                    continue
                if before != found:
                    reason = f"product {item} was described before, and differently"
                    rejects.add(file.name, number, None, reason, text)
                else:
                    duplicates += 1
    if skipped:
        report.dropped["description of a product nobody reviewed"] = skipped
    if duplicates:
        report.dropped["duplicate description of a product"] = duplicates
    if no_title:
        report.notes.append(f"{no_title:,} titles were page fragments and are left empty")
    return products
