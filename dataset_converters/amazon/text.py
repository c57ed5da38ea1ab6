"""Clean titles, brands, categories and prices of Amazon products."""

from __future__ import annotations

import html
import re

_HIDDEN = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|$)", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<!--.*?-->", re.DOTALL)
_OPEN_TAG = re.compile(r"</?[a-zA-Z!][^<>]*$", re.DOTALL)  # a tag that is cut off
_CODE = re.compile(r"function\s*\(|\bvar \w+ ?=|getElementById|\{\s*[\w-]+\s*:[^}]*;|getTime\(")
_BY = re.compile(r"^(?:visit amazon's|by)\s+", re.IGNORECASE)
_PRICE = re.compile(r"^\$?\s*(\d[\d,]*(?:\.\d+)?)(?:\s*-\s*\$?\s*\d[\d,]*(?:\.\d+)?)?$")
_MAX_TITLE_LENGTH = 500  # characters; Amazon's limit was 200, longer ones are text of the page
_MAX_NAME_LENGTH = 80
_PRICE_EDGES = (5, 10, 20, 50, 100, 200)


def clean_text(value: object) -> str | None:
    """Remove HTML entities, tags, scripts and extra white space from a text.

    Args:
        value: Value in the raw file; may be a fragment of a web page, or not a string.

    Returns:
        The text, or None when no readable text is left.
    """
    if not isinstance(value, str):
        return None
    text = value
    for _ in range(3):  # entities are escaped up to twice
        if (plain := html.unescape(text)) == text:
            break
        text = plain
    text = _OPEN_TAG.sub(" ", _TAG.sub(" ", _HIDDEN.sub(" ", text)))
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if _CODE.search(text) or not any(c.isalnum() for c in text):
        return None
    return text


def clean_title(value: object) -> str | None:
    """Return a product's title; None for a fragment of a page."""
    text = clean_text(value)
    return text if text is not None and len(text) <= _MAX_TITLE_LENGTH else None


def clean_brand(value: object) -> str | None:
    """Return a brand; ``by Acme`` is ``Acme``."""
    text = clean_text(value)
    text = _BY.sub("", text) if text else None
    return text if text and len(text) <= _MAX_NAME_LENGTH else None


def leaf_category(row: dict[str, object]) -> str | None:
    """Return the most specific category of a product.

    2014 has a list of paths, of which the first is used; 2018 one path that may end in sentences
    of the description; 2023 one path, or only a main category.
    """
    path = row.get("categories") or row.get("category") or []
    if isinstance(path, list) and path and isinstance(path[0], list):
        path = path[0]
    leaf = None
    for step in path if isinstance(path, list) else [path]:
        text = clean_text(step)
        if not text or len(text) > _MAX_NAME_LENGTH or text[-1] in ".!:;" or len(text.split()) > 8:
            break
        leaf = text
    if leaf is None and not path:
        leaf = clean_text(row.get("main_category") or row.get("main_cat"))
    return leaf


def price_bucket(value: object) -> str | None:
    """Return the bucket of a price such as ``10-20`` (dollars, 10 <= price < 20).

    Args:
        value: A number, ``"$25.00"``, a range (its lower end is used), or anything else, which
            gives None.
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
