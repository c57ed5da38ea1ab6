"""Read raw and atomic files with the standard library, sharing no code with the converters."""

import ast
import csv
import gzip
import json
from pathlib import Path

PADDING = ("", "0", "empty", "空")
LEVELS = ("first", "second", "third", "fourth")


def read_atomic(path: Path) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of an atomic file, split at tabs only."""
    lines = path.read_text(encoding="utf-8").split("\n")
    assert lines.pop() == ""
    rows = [line.split("\t") for line in lines]
    assert all(len(row) == len(rows[0]) for row in rows)
    return rows[0], rows[1:]


def read_csv(path: Path) -> list[dict[str, str]]:
    csv.field_size_limit(1 << 30)
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def kuaisar_inter(folder: Path, types: tuple[str, ...] | None = None) -> list[list[str]]:
    """Return the rows that ``.inter`` must have, from the raw files."""
    kept = ("VIDEO", "IMAGE_ATLAS") if types is None else types
    rows = []
    for row in read_csv(folder / "src_inter.csv"):
        if row["item_type"] in kept:
            label = "1" if float(row["click_cnt"]) > 0 else "0"
            seconds = repr(float(row["search_session_timestamp"]) / 1000)
            rows.append([row["user_id"], row["item_id"], "search", label, seconds])
    for row in read_csv(folder / "rec_inter.csv"):
        seconds = repr(float(row["timestamp"]) / 1000)
        label = str(int(float(row["click"])))
        rows.append([row["user_id"], row["item_id"], "recommendation", label, seconds])
    return rows


def kuaisar_users(folder: Path, occurring: set[str]) -> list[list[str]]:
    names = ["user_id", "onehot_feat1", "onehot_feat2", "search_active_level"]
    rows = []
    for row in read_csv(folder / "user_features.csv"):
        if row["user_id"] in occurring:
            level = row.get("rec_active_level", row.get("reco_active_level"))
            rows.append([row[name] for name in names] + [level])
    return rows


def kuaisar_items(folder: Path, occurring: set[str]) -> list[list[str]]:
    rows, seen = [], set()
    for row in read_csv(folder / "item_features.csv"):
        if row["item_id"] not in occurring or row["item_id"] in seen:
            continue
        seen.add(row["item_id"])
        values = [row["item_id"], row["author_id"], row["item_type"], row["upload_type"]]
        if "music_id" in row:
            values.append("" if row["music_id"] in PADDING else row["music_id"])
        for suffix in ("id", "name_en"):
            for level in LEVELS:
                value = row[f"{level}_level_category_{suffix}"]
                values.append("" if value in PADDING else value)
        rows.append(values)
    return rows


def gzip_lines(path: Path) -> list[str]:
    """Return the whole lines of a gzip file, even if it is truncated."""
    lines = []
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        try:
            lines.extend(file)
        except EOFError:
            return lines
    return lines


def amazon_rows(path: Path, scenario: str, threshold: float = 4) -> list[list[str]]:
    """Return the rows that ``.inter`` must have for one category of 2014 or 2018."""
    rows = []
    for line in dict.fromkeys(gzip_lines(path)):
        row = json.loads(line)
        label = "1" if row["overall"] >= threshold else "0"
        time = str(row["unixReviewTime"])
        rows.append([row["reviewerID"], row["asin"], scenario, label, time])
    return rows


def amazon_meta(path: Path) -> dict[str, dict]:
    rows = {}
    for line in gzip_lines(path):
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            row = ast.literal_eval(line)
        rows.setdefault(row["asin"], row)
    return rows
