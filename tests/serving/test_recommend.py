"""The best items of users: those of scoring every item, without what they have seen."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from recbole_llm4msr.serving import ArtefactError, InputError, Scorer
from recbole_llm4msr.serving.recommend import top

ITEMS = [f"i{n}" for n in range(1, 41)]


def scored(scorer, user: str, scenario: str, items=ITEMS) -> pl.DataFrame:
    rows = {"user_id": [user] * len(items), "item_id": items, "scenario": [scenario] * len(items)}
    return scorer.predict(pl.DataFrame(rows)).sort("score", descending=True)


@pytest.mark.parametrize("scenario", ["feed", "mail", "search"])
def test_they_are_the_best_of_all_items(scorer, scenario) -> None:
    found = scorer.recommend(["u3", "u1"], scenario, k=5)
    assert found.columns == ["user_id", "rank", "item_id", "score"]
    assert found["user_id"].to_list() == ["u3"] * 5 + ["u1"] * 5
    assert found["rank"].to_list() == [1, 2, 3, 4, 5] * 2
    for user in ("u3", "u1"):
        best = scored(scorer, user, scenario)[:5]
        of_user = found.filter(pl.col("user_id") == user)
        assert of_user["item_id"].to_list() == best["item_id"].to_list()
        np.testing.assert_allclose(of_user["score"], best["score"], atol=1e-6)


def test_only_candidates_are_recommended(scorer) -> None:
    candidates = ["i9", "i2", "i30", "i9"]
    found = scorer.recommend(["u1"], "feed", 10, candidates)
    assert (
        found["item_id"].to_list()
        == scored(scorer, "u1", "feed", ["i9", "i2", "i30"])["item_id"].to_list()
    )


def test_seen_items_are_left_out(star, scorer) -> None:
    from recbole_llm4msr import load_data_and_model

    train = load_data_and_model(star.checkpoint, device="cpu")[3].dataset
    users = train.raw_tokens("user_id", train.inter_feat["user_id"].numpy())
    items = train.raw_tokens("item_id", train.inter_feat["item_id"].numpy())
    seen = set(items.filter(users == "u5"))
    found = scorer.recommend(["u5", "u5"], "feed", 40, exclude_seen=True)
    assert sorted(found["item_id"]) == sorted([*set(ITEMS) - seen, *set(ITEMS) - seen])
    assert 0 < len(seen) < len(ITEMS)
    unknown = scorer.recommend(["new"], "feed", 40, exclude_seen=True, on_unknown="score")
    assert len(unknown) == len(ITEMS)


def test_without_stored_history_nothing_can_be_left_out(export_toy) -> None:
    exported = export_toy("SingleDNN")
    with pytest.raises(ArtefactError, match="export it with --with-history"):
        Scorer.load(exported.folder).recommend(["u1"], "feed", exclude_seen=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["u1", "no"], "feed"), "row 2, column user_id: 'no' is not known"),
        ((["u1"], "nowhere"), "scenario: 'nowhere' is not known; the model knows feed, mail"),
        ((["u1"], None), "scenario: name one of feed, mail, search"),
        ((["u1"], "feed", 0), "k: 0 is not a number of items"),
        ((["u1"], "feed", 3, ["i1", "none"]), "row 2, column item_id: 'none' is not known"),
        ((["u1"], "feed", 3, []), "candidates: there is none"),
    ],
    ids=str,
)
def test_faulty_requests_are_named(scorer, arguments, message) -> None:
    with pytest.raises(InputError, match=message):
        scorer.recommend(*arguments)


def test_equal_scores_keep_the_order_of_the_items() -> None:
    scores = np.array([0.5, 0.9, 0.5, 0.5, 0.1], np.float32)
    assert top(scores, 3).tolist() == [1, 0, 2]
    assert top(scores, 9).tolist() == [1, 0, 2, 3, 4]
    random = np.random.default_rng(0).random(1000).astype(np.float32)
    assert top(random, 17).tolist() == np.argsort(-random, kind="stable")[:17].tolist()
