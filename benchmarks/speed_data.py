"""Atomic files of the sizes that the speed benchmark needs, drawn at random."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl


def write_atomic(folder: Path, suffix: str, columns: dict[str, np.ndarray]) -> None:
    """Write columns named ``field:type`` as an atomic file of the folder's name, unless there."""
    path = folder / f"{folder.name}.{suffix}"
    if path.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(columns).write_csv(path.with_suffix(".part"), separator="\t")
    path.with_suffix(".part").rename(path)


def log_rows(draw: np.random.Generator, scale: float, n_rows: int, n_items: int) -> dict:
    """Rows of a log of two scenarios by KuaiSAR's 25,877 users; some items are met often."""
    n_rows, n_items = int(n_rows * scale), int(n_items * scale)
    return {
        "user_id:token": draw.integers(0, 25_877, n_rows),
        "item_id:token": (n_items * draw.random(n_rows) ** 2).astype(np.int64),
        "scenario:token": draw.integers(0, 2, n_rows),
        "label:float": draw.integers(0, 2, n_rows),
    }


def logs(parent: Path, scale: float) -> str:
    """14.6 million rows of five columns, 25,877 users, 4.05 million items, at scale 1."""
    name, n_items = f"logs-{scale:g}", int(4_050_000 * scale)
    draw = np.random.default_rng(0)
    rows = log_rows(draw, scale, 14_600_000, 4_050_000)
    rows["timestamp:float"] = draw.integers(1_684_000_000, 1_686_000_000, len(rows["label:float"]))
    write_atomic(parent / name, "inter", rows)
    users = {"user_id:token": np.arange(25_877), "age:token": draw.integers(0, 8, 25_877)}
    write_atomic(parent / name, "user", users)
    items = {"item_id:token": np.arange(n_items), "kind:token": draw.integers(0, 500, n_items)}
    write_atomic(parent / name, "item", items)
    return name


def kuaisar(parent: Path, scale: float) -> str:
    """As many rows, items and features as the whole of KuaiSAR: 19.7 and 6.9 million, and eight."""
    name, n_items = f"whole-{scale:g}", int(6_900_000 * scale)
    draw = np.random.default_rng(0)
    write_atomic(parent / name, "inter", log_rows(draw, scale, 19_700_000, 6_900_000))
    users = {"user_id:token": np.arange(25_877)}
    users |= {f"u{i}:token": draw.integers(0, 8, 25_877) for i in range(2)}
    write_atomic(parent / name, "user", users)
    items = {"item_id:token": np.arange(n_items)}
    items |= {f"i{i}:token": draw.integers(0, 500, n_items) for i in range(3)}
    write_atomic(parent / name, "item", items)
    return name


def features(parent: Path, n_features: int) -> str:
    """200,000 rows with ``n_features`` token fields."""
    name = f"features-{n_features}"
    draw = np.random.default_rng(0)
    rows = {"user_id:token": draw.integers(0, 5000, 200_000)}
    rows["item_id:token"] = draw.integers(0, 5000, 200_000)
    rows["scenario:token"] = draw.integers(0, 3, 200_000)
    for i in range(n_features - 3):
        rows[f"f{i}:token"] = draw.integers(0, 100, 200_000)
    rows["label:float"] = draw.integers(0, 2, 200_000)
    write_atomic(parent / name, "inter", rows)
    return name


def vocabulary(parent: Path, n_ids: int) -> str:
    """200,000 rows of eight token fields that have ``n_ids`` ids together, most of them items."""
    name = f"vocabulary-{n_ids}"
    n_items = n_ids - 20_000
    draw = np.random.default_rng(0)
    rows = {"user_id:token": draw.integers(0, 10_000, 200_000)}
    rows["item_id:token"] = draw.integers(0, n_items, 200_000)
    rows["scenario:token"] = draw.integers(0, 3, 200_000)
    for i in range(5):
        rows[f"f{i}:token"] = draw.integers(0, 2000, 200_000)
    rows["label:float"] = draw.integers(0, 2, 200_000)
    write_atomic(parent / name, "inter", rows)
    write_atomic(parent / name, "item", {"item_id:token": np.arange(n_items)})
    return name
