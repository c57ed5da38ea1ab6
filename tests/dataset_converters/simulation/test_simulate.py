"""Simulated KuaiSAR: published schema, planted effect, same files for the same seed."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from dataset_converters.errors import ConverterError
from dataset_converters.simulation import simulate_kuaisar
from dataset_converters.simulation import world as w
from dataset_converters.simulation.auc import auc
from dataset_converters.simulation.sizes import sizes_of
from tests.dataset_converters.reference_reading import read_csv

SCHEMA = {
    "src_inter.csv": "keyword,item_id,click_cnt,search_session_id,item_type,user_id,"
    "search_session_timestamp,search_source,search_session_time",
    "rec_inter.csv": "user_id,item_id,duration_ms,playing_time,timestamp,forward,like,follow,"
    "search_item_related,search,click,time",
    "user_features.csv": "user_id,onehot_feat1,onehot_feat2,search_active_level,reco_active_level",
    "social_network.csv": "user_id,user_follow_id",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("simulated") / "raw"
    simulate_kuaisar(path, scale=0.01, seed=1)
    return path


def test_schema_and_quirks(folder: Path) -> None:
    for name, header in SCHEMA.items():
        assert (folder / name).open().readline() == header + "\n"
    items = read_csv(folder / "item_features.csv")
    assert len(items[0]) == 19
    assert {row["upload_time"] for row in items} >= {"1970-1-1"}
    assert max(len(row["caption"]) for row in items) > 131_072
    assert any(row["first_level_category_name_en"].startswith("Film, Tele") for row in items)
    assert any(row["second_level_category_name"] == "空" for row in items)
    search = read_csv(folder / "src_inter.csv")
    assert len(search) == sizes_of(0.01).rows[0]
    assert {row["item_type"] for row in search} == {
        *("VIDEO", "IMAGE_ATLAS", "USER", "LIVE", "COMMODITY", "MUSIC", "ADVERT")
    }
    clicks: dict[tuple, set] = {}
    for row in search:
        key = (row["user_id"], row["search_session_id"], row["item_id"])
        clicks.setdefault(key, set()).add(row["click_cnt"] != "0")
    assert sum(len(values) == 2 for values in clicks.values()) > 20  # repeated, clicked and not
    sessions = {row["search_session_id"]: row["user_id"] for row in search}
    assert all(sessions[row["search_session_id"]] == row["user_id"] for row in search)
    served = Counter(
        (row["user_id"], row["timestamp"]) for row in read_csv(folder / "rec_inter.csv")
    )
    assert np.mean(list(served.values())) > 3
    assert json.loads((folder / "truth.json").read_text())["simulated"] is True


def test_small_and_full_have_the_published_sizes_and_columns() -> None:
    small, full = sizes_of("small"), sizes_of("full")
    assert small.rows == (3_171_231, 7_493_101)
    assert full.rows == (5_059_169, 14_605_716)
    assert sum(small.videos) == 4_195_529
    assert sum(full.videos) == 6_890_707
    assert full.videos[0] + full.videos[1] == 3_026_189
    assert full.videos[1] + full.videos[2] == 4_046_367
    assert (small.layout.level_column, full.layout.level_column) == (
        "rec_active_level",
        "reco_active_level",
    )
    assert full.layout.music
    assert not small.layout.music
    for scale in ("none", 0, 1.5):
        with pytest.raises(ConverterError, match="--scale"):
            sizes_of(scale)


def test_same_seed_same_files(tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        simulate_kuaisar(tmp_path / name, scale=0.0005, seed=seed)
    for path in (tmp_path / "a").glob("*.csv"):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    assert (tmp_path / "a" / "rec_inter.csv").read_bytes() != (
        tmp_path / "c" / "rec_inter.csv"
    ).read_bytes()
    with pytest.raises(ConverterError, match="not empty"):
        simulate_kuaisar(tmp_path / "a", scale=0.0005)


def test_clicks_follow_the_planted_probability(folder: Path) -> None:
    for name in w.NAMES:
        truth = pl.read_parquet(folder / f"truth_{name}.parquet")
        group = (pl.col("oracle") * 10).floor().alias("group")
        table = truth.group_by(group).agg(pl.len(), pl.col("oracle", "clicked").mean())
        for row in table.filter(pl.col("len") > 500).iter_rows(named=True):
            error = 5 * np.sqrt(row["oracle"] * (1 - row["oracle"]) / row["len"])
            assert abs(row["oracle"] - row["clicked"]) < error


def test_truth_rows_are_the_rows_of_the_log(folder: Path) -> None:
    raw = read_csv(folder / "rec_inter.csv")
    truth = pl.read_parquet(folder / "truth_recommendation.parquet")
    assert truth["clicked"].cast(int).cast(str).to_list() == [row["click"] for row in raw]
    assert truth["item_id"].cast(str).to_list() == [row["item_id"] for row in raw]
    assert truth["timestamp"].to_list() == [float(row["timestamp"]) / 1000 for row in raw]
    search = read_csv(folder / "src_inter.csv")
    truth = pl.read_parquet(folder / "truth_search.parquet")
    assert truth["clicked"].to_list() == [row["click_cnt"] != "0" for row in search]
    assert truth["user_id"].cast(str).to_list() == [row["user_id"] for row in search]
    key = ["user_id", "item_id", "timestamp"]
    different = truth.group_by(key).agg(pl.col("oracle", "own_scenario").n_unique())
    assert different["oracle"].max() == different["own_scenario"].max() == 1


def test_the_effect_is_planted_across_scenarios(folder: Path) -> None:
    truth = json.loads((folder / "truth.json").read_text())["auc"]
    for row in truth:
        frame = pl.read_parquet(folder / f"truth_{row['scenario']}.parquet")
        if row["rows"] == "last tenth, crossing":
            frame = frame.filter((pl.col("fraction") >= 0.9) & pl.col("crossing"))
            # Without the other scenario the AUC is little above 0.5, with it far above.
            assert row["own_scenario"] < 0.68 < 0.74 < row["both_scenarios"] < row["oracle"]
            for predictor in ("oracle", "both_scenarios", "own_scenario"):
                expected = roc_auc_score(frame["clicked"], frame[predictor])
                assert row[predictor] == pytest.approx(expected, abs=1e-9)
        assert row["own_scenario"] < row["both_scenarios"] < row["oracle"]


def test_crossing_pairs_were_never_shown_before_the_switch(folder: Path) -> None:
    seen = pl.read_parquet(folder / "truth_interests.parquet")
    names = {row["item_id"]: row for row in read_csv(folder / "item_features.csv")}
    pairs = {(row["user_id"], row["category"]): row["first_seen"] for row in seen.to_dicts()}
    raw = read_csv(folder / "rec_inter.csv")
    truth = pl.read_parquet(folder / "truth_recommendation.parquet")
    crossing = late = 0
    for row, fact in zip(raw, truth.iter_rows(named=True), strict=True):
        category = names[row["item_id"]]["first_level_category_name_en"]
        if category == "empty":
            continue
        first = pairs[int(row["user_id"]), category]
        assert fact["crossing"] == (first == "search" and fact["fraction"] >= w.SWITCH)
        assert first != "search" or fact["fraction"] >= w.SWITCH
        crossing += fact["crossing"]
        late += fact["fraction"] >= w.SWITCH
    assert 0.15 < crossing / late < 0.35


def test_interests_of_the_two_scenarios_are_correlated_as_planted() -> None:
    world = w.make_world(4000, (200, 200, 200), np.random.default_rng(0))
    both = np.corrcoef(world.interest[0].ravel(), world.interest[1].ravel())[0, 1]
    assert both == pytest.approx(w.SHARED, abs=0.01)
    assert world.interest.std() == pytest.approx(1, abs=0.01)


def test_expected_click_is_the_mean_over_the_unknown_interest() -> None:
    rng = np.random.default_rng(0)
    draws = rng.standard_normal(400_000)
    for base, mean, deviation in ((-1.6, 0.4, 0.6), (0.5, -1.0, 1.0)):
        logits = base + w.STRENGTH * (mean + deviation * draws)
        expected = np.mean(1 / (1 + np.exp(-logits)))
        computed = w.expected_click(np.array([base]), np.array([mean]), deviation)[0]
        assert computed == pytest.approx(expected, abs=2e-3)


def test_auc_agrees_with_scikit_learn_on_ties() -> None:
    rng = np.random.default_rng(1)
    score, label = rng.integers(0, 20, 500) / 20, rng.random(500) < 0.3
    assert auc(score, label) == pytest.approx(roc_auc_score(label, score), abs=1e-12)
    assert auc(score, np.ones(500, bool)) is None
    assert auc(np.zeros(0), np.zeros(0, bool)) is None
