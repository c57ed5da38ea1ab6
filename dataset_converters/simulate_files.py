"""The raw files of simulated KuaiSAR: columns, formats and quirks of the published ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dataset_converters import simulate_world as w
from dataset_converters.report import Reporter

if TYPE_CHECKING:
    from dataset_converters.simulate import Drawn

_DAY = 86_400_000
_BEGIN = 1_684_737_000_000  # 2023-05-22 14:30 in Beijing, ms
_BEIJING = 8 * 3_600_000
_OTHER_TYPES = np.array(["USER", "LIVE", "COMMODITY", "MUSIC", "ADVERT"])
_OTHER_SHARE = 0.12  # of search results that are no video
_OTHER_IDS = 50_000_000  # ids of these begin here; they have no row in item_features
_VOCABULARY = 3_000  # words of a category
_LONG_CAPTIONS = 2  # captions longer than 131,072 characters, the csv module's limit


@dataclass(frozen=True)
class Layout:
    """What differs between the releases: period and column names."""

    days: float
    source_column: str
    level_column: str
    music: bool


SMALL = Layout(9.0, "search_session_source", "rec_active_level", music=False)
FULL = Layout(18.8, "search_source", "reco_active_level", music=True)


def log_frame(
    world: w.World,
    scenario: int,
    drawn: Drawn,
    layout: Layout,
    rng: np.random.Generator,
    first_row: int,
) -> pl.DataFrame:
    """Return the rows of one log in the columns and order of the published file."""
    moment = (_BEGIN + drawn.fraction * layout.days * _DAY).astype(np.int64)
    text = pl.from_epoch(pl.Series(moment + _BEIJING), time_unit="ms").dt
    if scenario == w.SEARCH:
        return _search_frame(world, drawn, layout, rng, first_row, moment, text)
    n = len(moment)
    duration = rng.integers(3_000, 180_000, n).astype(np.float64)
    watched = np.where(drawn.clicked, rng.uniform(0.4, 1.6, n), rng.uniform(0, 0.2, n))
    rare = rng.random((4, n))
    searched = rare[3] < 0.01
    return pl.DataFrame(
        {
            "user_id": drawn.user + 1,
            "item_id": world.video_id[drawn.video],
            "duration_ms": duration,
            "playing_time": np.round(duration * watched),
            "timestamp": moment.astype(np.float64),
            "forward": (drawn.clicked & (rare[0] < 0.004)).astype(np.int8),
            "like": (drawn.clicked & (rare[1] < 0.04)).astype(np.int8),
            "follow": (drawn.clicked & (rare[2] < 0.01)).astype(np.int8),
            "search_item_related": (searched & (rare[0] < 0.5)).astype(np.int8),
            "search": searched.astype(np.int8),
            "click": drawn.clicked.astype(np.int8),
            "time": text.strftime("%Y-%m-%d %H:%M:%S%.3f"),
        }
    )


def _search_frame(
    world: w.World,
    drawn: Drawn,
    layout: Layout,
    rng: np.random.Generator,
    first_row: int,
    moment: np.ndarray,
    text: pl.series.datetime.DateTimeNameSpace,  # type: ignore[name-defined]
) -> pl.DataFrame:
    n = len(moment)
    sessions = np.flatnonzero(drawn.begins)
    session = np.cumsum(drawn.begins) - 1
    keyword = _word_lists(drawn.category[sessions], drawn.theme[sessions], 4, rng)
    item_id = world.video_id[drawn.video]
    item_type = np.where(drawn.video % 7 == 0, "IMAGE_ATLAS", "VIDEO").astype(object)
    other = rng.random(n) < _OTHER_SHARE
    item_id = np.where(other, _OTHER_IDS + drawn.video, item_id)
    item_type[other] = rng.choice(_OTHER_TYPES, int(other.sum()))
    source = np.array(["USER_INPUT", "QUERY_RECO", "HISTORY", "RELATED"])[rng.integers(0, 4, n)]
    return pl.DataFrame(
        {
            "keyword": keyword.gather(session),
            "item_id": item_id,
            "click_cnt": np.where(drawn.clicked, rng.geometric(0.8, n), 0),
            # Sessions are numbered over the whole log; no chunk has more of them than rows.
            "search_session_id": first_row + session + 1,
            "item_type": pl.Series(item_type, dtype=pl.String),
            "user_id": drawn.user + 1,
            "search_session_timestamp": moment.astype(np.float64),
            layout.source_column: source,
            "search_session_time": text.strftime("%Y-%m-%d %H:%M:%S%.3f"),
        }
    )


def _word_lists(
    category: np.ndarray, theme: np.ndarray, longest: int, rng: np.random.Generator
) -> pl.Series:
    """String lists ``[1979292, 2548186]`` of 0 to ``longest`` hashed words of a category."""
    n = len(category)
    rank = (_VOCABULARY * rng.random((n, longest), np.float32) ** 3).astype(np.int64)
    words = 1_000_000 + category[:, None] * _VOCABULARY + (rank + 37 * theme[:, None]) % _VOCABULARY
    lists = pl.Series(words, dtype=pl.Array(pl.Int64, longest)).arr.to_list()
    frame = pl.DataFrame({"words": lists, "n": rng.integers(0, longest + 1, n)})
    joined = pl.col("words").list.head(pl.col("n")).cast(pl.List(pl.String)).list.join(", ")
    return frame.select(pl.format("[{}]", joined).alias("keyword"))["keyword"]


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
    """Write ``social_network.csv``: few users have friends."""
    followers = rng.choice(users, max(1, users // 45), replace=False) + 1
    follows = rng.integers(1, users + 1, len(followers))
    pl.DataFrame({"user_id": followers, "user_follow_id": follows}).write_csv(
        folder / "social_network.csv"
    )


def write_item_features(
    folder: Path, world: w.World, layout: Layout, rng: np.random.Generator, reporter: Reporter
) -> None:
    """Write ``item_features.csv``: every video, in no order of its id."""
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
    caption = _word_lists(category, theme, 24, rng)
    if rows[0] == 0:
        long = ["[" + ", ".join(["1234567"] * 20_000) + "]"] * _LONG_CAPTIONS
        caption = pl.concat([pl.Series("keyword", long), caption[_LONG_CAPTIONS:]])
    depth = rng.integers(1, 5, n)  # how many levels are filled; the rest is padding
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
    """Per level, the Chinese and English name of every (category, theme), then the padding."""
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
