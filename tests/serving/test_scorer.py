"""Scoring rows with an artefact: the scores of torch, unknown tokens, faulty rows."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import polars as pl
import pytest

from recbole_llm4msr.serving import ArtefactError, InputError, Scorer, graphs

ROWS = {"user_id": ["u1", "u2"], "item_id": ["i3", "i4"], "scenario": ["feed", "mail"]}


def test_test_rows_score_as_in_torch(star, scorer) -> None:
    rows, expected = star.torch_scores()
    scored = scorer.predict(rows)
    assert scored.columns == [*rows.columns, "score"]
    assert scored["score"].dtype == pl.Float32
    np.testing.assert_allclose(scored["score"], expected, atol=1e-5, rtol=0)
    assert np.ptp(expected) > 0.1  # the model has learned something


def test_several_threads_score_the_same(star, scorer) -> None:
    rows, _ = star.torch_scores()
    many = pl.concat([rows] * 20)  # several blocks
    twice = Scorer.load(star.folder, threads=2).predict(many)
    assert twice.equals(scorer.predict(many))
    assert twice["score"][: len(rows)].equals(twice["score"][-len(rows) :])


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("AITM", {"own_graphs": 8}),
        ("LLM4MSR_MMoE", {"meta_rank": "full", "user_layers": "float16"}),
        ("LLM4MSR_ADL", {"item_knowledge": True, "knowledge_size": 8, "user_layers": "int8"}),
        ("DeepFM", {"normalize_all": True}),
        ("LLM4MSR_DSSM", {}),
        ("STAR", {"min_count": 40}),
        ("DCNV2", {"knowledge_features": "pca:3"}),
        ("FM", {"SCENARIO_FIELD": None}),  # the scenario is a field like any other
    ],
    ids=lambda value: str(value),
)
def test_other_models_and_options(export_toy, model, options) -> None:
    exported = export_toy(model, **options)
    rows, expected = exported.torch_scores()
    tolerance = {"float16": 2e-3, "int8": 2e-2}.get(options.get("user_layers"), 1e-5)
    scores = Scorer.load(exported.folder).predict(rows)["score"].to_numpy()
    np.testing.assert_allclose(scores, expected, atol=tolerance, rtol=0)
    assert exported.manifest["check"]["difference"] <= 1e-5  # of float32 layers
    assert exported.manifest["test"]["auc"] == pytest.approx(
        exported.result["test_result"]["auc"], abs=1e-3 if tolerance == 1e-5 else 2e-2
    )
    if "user_layers" in options:
        user_layer = exported.manifest["user_layer"]
        assert user_layer["precision"] == options["user_layers"]
        assert "auc" in user_layer["difference_to_float32"]


def test_pandas_in_pandas_out(scorer) -> None:
    frame = pd.DataFrame({**ROWS, "note": [1.5, None]}, index=[7, 9])
    scored = scorer.predict(frame)
    assert isinstance(scored, pd.DataFrame) and "score" not in frame
    assert list(scored.index) == [7, 9] and list(scored.columns) == [*frame.columns, "score"]
    expected = scorer.predict(pl.DataFrame(ROWS))["score"].to_numpy()
    np.testing.assert_array_equal(scored["score"], expected)


def test_whole_numbers_are_read_as_tokens(scorer) -> None:
    frame = pl.DataFrame({**ROWS, "user_id": [1, 2]})
    with pytest.raises(InputError, match="row 1, column user_id: '1' is not known"):
        scorer.predict(frame)


def test_unknown_users_and_items_are_scored_on_request(scorer) -> None:
    frame = pl.DataFrame(
        {
            "user_id": ["u1", "nobody", "u1", "nobody", "x" * 10_000_000],
            "item_id": ["i3", "i3", "nothing", "nothing", ""],
            "scenario": ["feed"] * 5,
        }
    )
    with pytest.raises(InputError, match="row 2, column user_id: 'nobody' is not known"):
        scorer.predict(frame)
    scores = scorer.predict(frame, on_unknown="score")["score"]
    assert scores.is_finite().all()
    assert scores[3] == scores[4]  # all unknown ones are alike
    assert scores.n_unique() == 4
    known = scorer.predict(frame[:1])["score"]
    assert scores[0] == pytest.approx(known[0], abs=1e-6)


def test_an_unknown_user_has_the_layer_of_the_mean(star, scorer) -> None:
    layers = scorer.artefact.user_layers
    unknown = scorer.artefact.vocabularies["user_id"].unknown
    assert layers.of(np.array([unknown])).tolist() == layers.of(np.array([0])).tolist()
    assert layers.of(np.array([1])).tolist() != layers.of(np.array([0])).tolist()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"scenario": ["feed", "nowhere"]}, "row 2, column scenario: 'nowhere' is not known; the "
         "model knows feed, mail, search"),
        ({"scenario": [None, "feed"]}, "row 1, column scenario: is empty"),
        ({"user_id": ["u1", None]}, "row 2, column user_id: is empty"),
        ({"user_id": [1.0, 2.0]}, "'user_id' holds Float64; ids are texts or whole numbers"),
        ({"item_id": ["i1", "y" * 10_000_000]}, r"'y{80}\.\.\. \(10,000,000 characters\)' is not"),
        ({"score": [1, 2]}, "there is a column 'score' already"),
        ({"scenario": None}, "there is no column scenario; the model reads user_id, item_id, "),
    ],
    ids=str,
)  # fmt: skip
def test_faulty_rows_are_named(scorer, columns, message) -> None:
    frame = pl.DataFrame({k: v for k, v in {**ROWS, **columns}.items() if v is not None})
    with pytest.raises(InputError, match=message) as error:
        scorer.predict(frame, on_unknown="score" if "item_id" not in columns else "error")
    assert len(str(error.value)) < 500


def test_a_column_twice_is_refused(scorer) -> None:
    frame = pd.DataFrame(ROWS)
    twice = pd.concat([frame, frame[["user_id"]]], axis=1)
    with pytest.raises(InputError, match="the column 'user_id' is there twice"):
        scorer.predict(twice)


def test_no_rows_have_no_scores(scorer) -> None:
    empty = pl.DataFrame(schema=dict.fromkeys(ROWS, pl.String))
    assert scorer.predict(empty).columns == [*ROWS, "score"]
    assert scorer.predict(empty.to_pandas()).empty


def test_threads_may_open_a_graph_at_the_same_time(star, monkeypatch) -> None:
    opening, real = threading.Event(), graphs.open_graph

    class SlowSession:
        def __init__(self, path) -> None:
            self.session = real(path)
            self.run = self.session.run

        def get_inputs(self):
            opening.set()
            time.sleep(0.1)  # the other thread comes now
            return self.session.get_inputs()

    expected = Scorer.load(star.folder).score_items(1, 0, np.array([1, 2]))
    monkeypatch.setattr(graphs, "open_graph", SlowSession)
    shared = Scorer.load(star.folder)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(shared.score_items, 1, 0, np.array([1, 2]))
        assert opening.wait(30)
        second = pool.submit(shared.score_items, 1, 0, np.array([1, 2]))
        for scores in (first.result(), second.result()):
            np.testing.assert_array_equal(scores, expected)


def test_an_artefact_that_scores_nan_is_refused_when_it_is_opened(star, monkeypatch) -> None:
    scorer = Scorer.load(star.folder)
    scorer.open_all()
    monkeypatch.setattr(scorer, "score_items", lambda *_: np.array([np.nan]))
    with pytest.raises(ArtefactError, match="scores are not numbers"):
        scorer.open_all()
