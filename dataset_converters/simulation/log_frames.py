"""Format drawn rows as the columns of KuaiSAR's search and recommendation logs."""

from __future__ import annotations

import numpy as np
import polars as pl

from dataset_converters.simulation import world as w
from dataset_converters.simulation.drawn import Drawn
from dataset_converters.simulation.sizes import Layout
from dataset_converters.simulation.word_lists import word_lists

_DAY_MS = 86_400_000
_BEGIN_MS = 1_684_737_000_000  # 2023-05-22 14:30 in Beijing
_BEIJING_MS = 8 * 3_600_000
_OTHER_TYPES = np.array(["USER", "LIVE", "COMMODITY", "MUSIC", "ADVERT"])
_OTHER_SHARE = 0.12  # share of search results that are not videos
_OTHER_IDS = 50_000_000  # first id of these; they have no row in item_features.csv


def log_frame(
    world: w.World,
    scenario: int,
    drawn: Drawn,
    layout: Layout,
    rng: np.random.Generator,
    first_row: int,
) -> pl.DataFrame:
    """Return the rows of one log with the columns of the published file, in their order."""
    moment = (_BEGIN_MS + drawn.fraction * layout.days * _DAY_MS).astype(np.int64)
    text = pl.from_epoch(pl.Series(moment + _BEIJING_MS), time_unit="ms").dt
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
    """Return rows of ``src_inter.csv``."""
    n = len(moment)
    sessions = np.flatnonzero(drawn.begins)
    session = np.cumsum(drawn.begins) - 1
    keyword = word_lists(drawn.category[sessions], drawn.theme[sessions], 4, rng)
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
