"""New users: their layers are made of their interactions, as those of training were."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from recbole_llm4msr import load_data_and_model
from recbole_llm4msr.serving import ArtefactError, InputError, Scorer
from recbole_llm4msr.serving import user_encoder_files as files
from recbole_llm4msr.serving.new_users import with_history

USER = "u7"


@pytest.fixture(scope="session")
def training(star):
    """The training split's history, in raw tokens, and the knowledge of the model."""
    _, model, _, train, _, _ = load_data_and_model(star.checkpoint, device="cpu")
    return train.dataset.training_history(), model.knowledge


@pytest.fixture(scope="session")
def interactions(training) -> pl.DataFrame:
    """Training rows of a user, as interactions that a file may hold."""
    rows = training[0].rows.filter(pl.col("user") == USER)
    return rows.rename({"user": "user_id", "item": "item_id", "time": "timestamp"})


def rows_of(*users: str) -> pl.DataFrame:
    rows = [(u, f"i{i}", s) for u in users for i in range(1, 41) for s in ("feed", "mail")]
    return pl.DataFrame(rows, schema=["user_id", "item_id", "scenario"], orient="row")


def scores_of(scorer: Scorer, *users: str) -> np.ndarray:
    return scorer.predict(rows_of(*users), on_unknown="error")["score"].to_numpy()


def test_a_known_user_with_its_own_history_has_the_same_scores(scorer, interactions) -> None:
    again = with_history(scorer, interactions)
    np.testing.assert_allclose(scores_of(again, USER), scores_of(scorer, USER), atol=1e-5)
    shuffled = interactions.sample(fraction=1, shuffle=True, seed=1)
    np.testing.assert_allclose(
        scores_of(with_history(scorer, shuffled), USER), scores_of(scorer, USER), atol=1e-5
    )
    np.testing.assert_array_equal(scores_of(again, "u8"), scores_of(scorer, "u8"))


def test_a_new_user_has_the_prompt_and_the_layer_of_a_user_with_this_history(
    star, scorer, interactions, monkeypatch
) -> None:
    from recbole_llm4msr.knowledge.new_users import UserEncoder

    written = []
    real = UserEncoder.prompts
    monkeypatch.setattr(
        UserEncoder, "prompts", lambda *given: written.append(real(*given)) or written[-1]
    )
    new = with_history(scorer, interactions.with_columns(user_id=pl.lit("someone")))
    bench_prompt = prompt_of_training(star, USER)
    assert written[0]["prompt"].to_list() == [bench_prompt]
    known = scorer.artefact.user_layers.of(scorer.encoder.users(pl.Series("u", [USER])))
    given = new._layers.of(new.encoder.users(pl.Series("u", ["someone"])))
    np.testing.assert_allclose(given, known, atol=1e-5)
    with pytest.raises(InputError, match="'someone' is not known"):
        scores_of(scorer, "someone")
    # An unknown embedding, and the layer of the interactions: neither user's scores.
    unknown = scorer.predict(rows_of("someone"), on_unknown="score")["score"].to_numpy()
    assert np.abs(scores_of(new, "someone") - unknown).max() > 1e-4
    assert np.abs(scores_of(new, "someone") - scores_of(new, USER)).max() > 1e-4


def prompt_of_training(star, user: str) -> str:
    from recbole_llm4msr.knowledge.encoders import make_encoder
    from recbole_llm4msr.knowledge.options import KnowledgeOptions
    from recbole_llm4msr.knowledge.prompts.writer import PromptWriter

    config, _, _, train, _, _ = load_data_and_model(star.checkpoint, device="cpu")
    options = KnowledgeOptions.from_config(config)
    history = train.dataset.training_history()
    full = PromptWriter(history, options, make_encoder(options)).plan().full
    return full.filter(pl.col("user") == user)["prompt"].item()


def test_without_a_positive_row_a_user_has_the_mean_of_its_scenarios(
    scorer, interactions, training
) -> None:
    from recbole_llm4msr.knowledge.vectors.by_id import _Means

    negative = interactions.with_columns(user_id=pl.lit("cold"), label=pl.lit(0))
    negative = negative.filter(pl.col("scenario") == "feed")
    new = with_history(scorer, negative)
    history, table = training
    own = table.user[1 : len(history.users) + 1].numpy()
    mean = _Means(history, history.users, own).mean_of((0,))  # feed is the first
    generator = scorer._graphs._session("user-generator.onnx")[0]
    expected = generator.run(None, {"knowledge": mean[None].astype(np.float32)})[0]
    given = new._layers.of(new.encoder.users(pl.Series("u", ["cold"])))
    np.testing.assert_allclose(given, expected, atol=2e-3)  # of half precision


def test_their_items_are_left_out_of_recommendations(scorer, interactions) -> None:
    new = with_history(scorer, interactions.with_columns(user_id=pl.lit("someone")))
    best = new.recommend(["someone"], "feed", k=40, exclude_seen=True)
    seen = set(interactions["item_id"])
    assert len(best) == 40 - len(seen) and not seen & set(best["item_id"])
    assert len(new.recommend(["someone"], "feed", k=40)) == 40


def test_items_and_columns_that_are_not_there_are_allowed(scorer) -> None:
    rows = {"user_id": ["a", "a"], "item_id": ["i1", "not in training"], "scenario": ["feed"] * 2}
    assert np.isfinite(scores_of(with_history(scorer, pl.DataFrame(rows)), "a")).all()


ROW = {"user_id": ["a"], "item_id": ["i1"], "scenario": ["feed"]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"user_id": None}, "history: there is no column user_id; interactions have user_id, item"),
        ({"scenario": ["none"]}, "row 1, column scenario: 'none' is not known; the model knows"),
        ({"item_id": [""]}, "row 1, column item_id: is empty"),
        ({"item_id": [1.5]}, "'item_id' holds Float64; ids are texts or whole numbers"),
        ({"label": [0.5]}, "row 1, column label: 0.5 is neither 0 nor 1"),
        ({"label": [float("nan")]}, "row 1, column label: nan is not a finite number"),
        ({"timestamp": ["soon"]}, "row 1, column timestamp: 'soon' is not a number"),
        ({"timestamp": [None]}, "row 1, column timestamp: is empty"),
        ({"scenario": ["x" * 10_000_000]}, r"'x{80}\.\.\. \(10,000,000 characters\)' is not known"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_faulty_interactions_are_named(scorer, change, message) -> None:
    frame = pl.DataFrame({k: v for k, v in {**ROW, **change}.items() if v is not None})
    with pytest.raises(InputError, match=message) as error:
        with_history(scorer, frame)
    assert len(str(error.value)) < 500


def test_no_interactions_are_an_error(scorer) -> None:
    with pytest.raises(InputError, match="there are no interactions"):
        with_history(scorer, pl.DataFrame(ROW)[:0])


def test_an_artefact_without_its_encoder_is_refused_with_the_remedy(altered) -> None:
    (altered / files.FACTS).unlink()
    scorer = Scorer.load(star_without(altered, files.FACTS))
    with pytest.raises(ArtefactError, match="export it with --with-encoder"):
        with_history(scorer, pl.DataFrame(ROW))


def star_without(folder, name):
    from recbole_llm4msr.util.checksum import with_checksum

    path = folder / "manifest.json"
    content = {k: v for k, v in json.loads(path.read_text()).items() if k != "crc32"}
    del content["files"][name]
    path.write_text(json.dumps(with_checksum(content)))
    return folder


def test_a_language_model_is_not_asked_of_lsa(scorer) -> None:
    with pytest.raises(ValueError, match="llm: the prompts were encoded by lsa"):
        with_history(scorer, pl.DataFrame(ROW), llm="model")
