"""Small Amazon files in the layout of every release."""

import gzip
import json
from pathlib import Path


def write_lines(path: Path, rows: list[object], *, python: bool = False) -> Path:
    """Write rows as JSON lines, or as Python literals; strings are written unchanged."""
    text = [
        row if isinstance(row, str) else repr(row) if python else json.dumps(row) for row in rows
    ]
    data = ("\n".join(text) + "\n").encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def old(user: str, item: str, rating: float = 5.0, time: object = 1400000000, **more: object):
    """Return a review in the layout of 2014 and 2018."""
    return {
        "reviewerID": user,
        "asin": item,
        "overall": rating,
        "unixReviewTime": time,
        "reviewText": 'tabs\tand "quotes"\nand breaks',
        **more,
    }


def new(user: str, item: str, rating: float = 5.0, time: object = 1600000000123, **more: object):
    """Return a review in the layout of 2023."""
    return {
        "rating": rating,
        "title": "Fine",
        "asin": "VARIANT",
        "parent_asin": item,
        "user_id": user,
        "timestamp": time,
        **more,
    }


def sample_2014(folder: Path) -> Path:
    """Write two categories of 2014; users U1 and U2 are in both."""
    beauty = [old("U1", "B1"), old("U1", "B2", 3.0), old("U2", "B1", 4.0), old("U3", "B2", 1.0)]
    toys = [old("U1", "T1", 2.0, 1400000500), old("U2", "T1"), old("U4", "T2"), old("U2", "T2")]
    write_lines(folder / "reviews_Beauty_5.json.gz", [{**r, "helpful": [0, 0]} for r in beauty])
    write_lines(
        folder / "reviews_Toys_and_Games_5.json.gz", [{**r, "helpful": [1, 2]} for r in toys]
    )
    meta = [
        {
            "asin": "B1",
            "title": "Soap &amp; Co\t12&quot; bar",
            "price": 9.49,
            "brand": "Acme",
            "categories": [["Beauty", "Bath", "Soap"], ["Health"]],
        },
        {"asin": "B9", "title": "never reviewed", "categories": [["Beauty"]]},
        {"asin": "B2", "categories": [["Beauty"]]},
    ]
    write_lines(folder / "meta_Beauty.json.gz", meta, python=True)
    return folder
