"""Read the Amazon products that occur in the reviews: title, brand, category, price bucket."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from dataset_converters.amazon.files import Category
from dataset_converters.amazon.text import clean_brand, clean_title, leaf_category, price_bucket
from dataset_converters.reading import LINE, TEXT, Rejects, parse_object, read_json_lines
from dataset_converters.writing import Report, Reporter

ITEM_FIELDS = {
    "item_id": "token",
    "title": "token_seq",
    "brand": "token",
    "category": "token",
    "price_bucket": "token",
}


@dataclass
class Products:
    """Descriptions of products.

    Attributes:
        by_id: (title, brand, category, price bucket) by product id.
    """

    by_id: dict[str, tuple[str | None, ...]]

    def frame(self, items: pl.Series) -> pl.DataFrame:
        """Return a row per item, sorted by id; items without a description have empty fields."""
        empty = (None,) * (len(ITEM_FIELDS) - 1)
        ids = items.unique().sort().to_list()
        rows = [(item, *self.by_id.get(item, empty)) for item in ids]
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
    """Read the descriptions of the products that occur in the reviews.

    The files describe many times more products than the reviews mention. A line is therefore
    parsed only if its id occurs, or if a regular expression cannot find the id.

    Args:
        categories: Categories whose ``meta`` files are read, if they have any.
        items: Item ids of the reviews.
        key: Key of the product id, ``asin`` or ``parent_asin``.
        rejects: Collects broken lines, and second descriptions that differ from the first.
        reporter: Shows progress.
        report: Gets counts and notes.
        allow_truncated: Use a truncated gzip stream up to its last whole line.
    """
    occurring = items.unique()
    occurring_list, occurring_set = occurring.implode(), set(occurring)
    products = Products({})
    pattern = rf"""["']{key}["']\s*:\s*["']([^"']*)["']"""
    truncation_notes = report.notes if allow_truncated else None
    skipped = duplicates = no_title = 0
    for file in [category.meta for category in categories if category.meta]:
        for lines in read_json_lines(file, rejects, reporter, truncation_notes):
            # A text may contain such a pair too; only a line with a single pair is certain.
            asin = pl.col(TEXT).str.extract(pattern)
            is_certain = pl.col(TEXT).str.count_matches(pattern) == 1
            used = lines.filter(asin.is_in(occurring_list) | ~is_certain)
            skipped += lines.height - used.height
            for text, line_number in used.select(TEXT, LINE).iter_rows():
                try:
                    row = parse_object(text)
                except ValueError as error:
                    rejects.add(file.name, line_number, None, str(error), text)
                    continue
                item = row.get(key)
                if not isinstance(item, str) or not item:
                    rejects.add(file.name, line_number, key, "missing or not a string", text)
                    continue
                if item not in occurring_set:
                    skipped += 1
                    continue
                title = clean_title(row.get("title"))
                if title is None and row.get("title"):
                    no_title += 1
                brand = clean_brand(row.get("brand") or row.get("store"))
                described = (title, brand, leaf_category(row), price_bucket(row.get("price")))
                first = products.by_id.setdefault(item, described)
                if first is described:
                    continue
                if first != described:
                    reason = f"product {item} was described before, with other values"
                    rejects.add(file.name, line_number, None, reason, text)
                else:
                    duplicates += 1
    if skipped:
        report.dropped["description of a product nobody reviewed"] = skipped
    if duplicates:
        report.dropped["duplicate description of a product"] = duplicates
    if no_title:
        report.notes.append(f"{no_title:,} titles were fragments of a page and are left empty")
    return products
