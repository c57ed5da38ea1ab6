"""Write user_features, item_features and social_network of a simulated KuaiSAR as CSV files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from dataset_converters.simulation import world as w
from dataset_converters.simulation.sizes import Layout
from dataset_converters.simulation.word_lists import word_lists
from dataset_converters.writing import Reporter

_LONG_CAPTIONS = 2  # captions longer than 131,072 characters, the csv module's default limit


def write_user_features(folder: Path, users: int, layout: Layout, rng: np.random.Generator) -> None:
    """Write ``user_features.csv``."""
    pl.DataFrame(
        {
            "user_id": np.arange(1, users + 1),
            "onehot_feat1": rng.integers(0, 8, users),
            "onehot_feat2": rng.integers(0, 3, users),
            "search_active_level": rng.integers(0, 7, users),
            layout.level_column: rng.integers(0, 4, users),
        }
    ).write_csv(folder / "user_features.csv")


def write_social_network(folder: Path, users: int, rng: np.random.Generator) -> None:
    """Write ``social_network.csv``: few users follow another."""
    followers = rng.choice(users, max(1, users // 45), replace=False) + 1
    follows = rng.integers(1, users + 1, len(followers))
    pl.DataFrame({"user_id": followers, "user_follow_id": follows}).write_csv(
        folder / "social_network.csv"
    )


def write_item_features(
    folder: Path, world: w.World, layout: Layout, rng: np.random.Generator, reporter: Reporter
) -> None:
    """Write ``item_features.csv``: every video, not sorted by id."""
    total, step = len(world.video_id), 250_000
    with (
        (folder / "item_features.csv").open("wb") as file,
        reporter.meter("item_features.csv", total) as meter,
    ):
        for start in range(0, total, step):
            rows = np.arange(start, min(start + step, total))
            frame = _item_frame(world, rows, layout, rng)
            frame.write_csv(file, include_header=start == 0)
            meter.update(int(rows[-1]) + 1, len(rows))


def _item_frame(
    world: w.World, rows: np.ndarray, layout: Layout, rng: np.random.Generator
) -> pl.DataFrame:
    n = len(rows)
    category = np.searchsorted(world.bounds[:, 3], rows, side="right")
    theme = rows % len(w.THEMES)
    caption = word_lists(category, theme, 24, rng)
    if rows[0] == 0:
        long = ["[" + ", ".join(["1234567"] * 20_000) + "]"] * _LONG_CAPTIONS
        caption = pl.concat([pl.Series("keyword", long), caption[_LONG_CAPTIONS:]])
    depth = rng.integers(1, 5, n)  # number of category levels filled; the others are padding
    depth[rng.random(n) < 0.03] = 0
    day = pl.Series(19_000 + rng.integers(0, 480, n), dtype=pl.Int32).cast(pl.Date)
    columns: dict[str, object] = {
        "item_id": world.video_id[rows],
        "caption": caption,
        "author_id": rng.integers(1, max(2, len(world.video_id) // 5), n),
        "item_type": np.where(rng.random(n) < 0.99, "NORMAL", "AD"),
        "upload_time": pl.select(
            pl.when(pl.Series(depth == 0)).then(pl.lit("1970-1-1")).otherwise(day.dt.strftime("%F"))
        ).to_series(),
        "upload_type": np.array(["ShortImport", "LongImport", "PictureSet", "UNKNOWN"])[
            rng.integers(0, 4, n)
        ],
    }
    if layout.music:
        columns["music_id"] = np.where(rng.random(n) < 0.3, 0, rng.integers(1, 900_000, n))
    names = _category_names()
    code = category * len(w.THEMES) + theme
    ids = (category + 1, 100 + code, 1_000 + code, 10_000 + code)
    english: dict[str, pl.Series] = {}
    for level, name in enumerate(("first", "second", "third", "fourth")):
        filled = depth > level
        key = f"{name}_level_category"
        which = np.where(filled, code, len(names[0][0]) - 1)
        columns[f"{key}_id"] = np.where(filled, ids[level], 0)
        columns[f"{key}_name"] = names[level][0].gather(which)
        english[f"{key}_name_en"] = names[level][1].gather(which)
    return pl.DataFrame({**columns, **english})


def _category_names() -> list[tuple[pl.Series, pl.Series]]:
    """Return, per level, the Chinese and English names of all (category, theme), then padding."""
    levels = []
    for level in range(4):
        english, chinese = [], []
        for i, category in enumerate(w.CATEGORIES):
            for j, theme in enumerate(w.THEMES):
                detail = ["", f" {theme}", f" {theme} clips", f" {theme} clips of the week"][level]
                english.append(category + detail)
                chinese.append(f"类目{i + 1}" + (f"之{j + 1}" if level else ""))
        levels.append((pl.Series([*chinese, "空"]), pl.Series([*english, "empty"])))
    return levels
