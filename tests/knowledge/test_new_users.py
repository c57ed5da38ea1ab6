"""A user encoder that was stored makes the vectors of training again."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from recbole_llm4msr.knowledge import KnowledgeError, prepare_knowledge
from recbole_llm4msr.knowledge.new_users import UserEncoder
from recbole_llm4msr.knowledge.options import KnowledgeOptions
from recbole_llm4msr.knowledge.workbench import Workbench


def stored(config, history) -> tuple:
    bench = Workbench.open(config, history, KnowledgeOptions.from_config(config))
    facts, arrays, words = UserEncoder.of_training(bench).state()
    return json.loads(json.dumps(facts)), {k: v.copy() for k, v in arrays.items()}, words


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"knowledge_size": 2, "knowledge_whiten": True},
        {"knowledge_folds": 3},
        {"item_knowledge": True},
        {"interaction_threshold": 2},
        {"prompt_form": "full", "item_category_field": "kind"},
        {"knowledge": "random"},
        {"llm": "qwen", "knowledge_dtype": "float32"},
        {
            "llm": "qwen",
            "knowledge_dtype": "float32",
            "knowledge_pooling": "eol",
            "prompt_max_tokens": 480,
        },
    ],
    ids=str,
)
def test_users_get_the_vectors_of_training(options, history, settings, request) -> None:
    if "llm" in options:
        options = {**options, "llm": str(request.getfixturevalue("qwen"))}
    config = settings(**options)
    trained = prepare_knowledge(config, history)
    encoder = UserEncoder.restored(*stored(config, history))
    users, vectors, own = encoder.vectors(history.rows, history.items, history.profiles)
    ids = [1 + history.users.index(user) for user in users]
    assert users == ["ann", "bob", "cleo", "dan", "eve"]
    assert own.tolist() == trained.own[ids].tolist()
    # Another batch may round a number of a language model to the next one of half precision.
    tolerance = 2e-3 if "llm" in options else 1e-5
    np.testing.assert_allclose(vectors, trained.user[ids], atol=tolerance)


def test_one_user_alone_has_the_same_vector(history, settings) -> None:
    encoder = UserEncoder.restored(*stored(settings(), history))
    users, vectors, _ = encoder.vectors(history.rows, history.items, history.profiles)
    rows = history.rows.filter(pl.col("user") == "eve")
    alone = encoder.vectors(rows, history.items, history.profiles)
    assert alone[0] == ["eve"]
    np.testing.assert_allclose(alone[1][0], vectors[users.index("eve")], atol=1e-5)


def test_other_interactions_give_another_vector(settings, history) -> None:
    encoder = UserEncoder.restored(*stored(settings(), history))
    rows = history.rows.filter(pl.col("user") == "eve")
    both = pl.concat([rows, rows[:1].with_columns(user=pl.lit("new"))])
    _, vectors, own = encoder.vectors(both, history.items)
    assert own.all() and np.abs(vectors[0] - vectors[1]).max() > 0.01


def test_another_model_is_refused(history, settings, qwen, tmp_path) -> None:
    config = settings(llm=str(qwen))
    facts, arrays, words = stored(config, history)
    facts["encoder"]["revision"] = "another"
    with pytest.raises(KnowledgeError, match="not the model of the training: revision: another"):
        UserEncoder.restored(facts, arrays, words)
    with pytest.raises(KnowledgeError, match="nowhere"):
        UserEncoder.restored(facts, arrays, words, llm=str(tmp_path / "nowhere"))


def test_nothing_of_the_history_is_stored(history, settings) -> None:
    facts, _, _ = stored(settings(), history)
    text = json.dumps(facts)
    assert not [token for token in ("ann", "cleo", "i1") if f'"{token}"' in text]
