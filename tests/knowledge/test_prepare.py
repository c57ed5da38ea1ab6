"""prepare_knowledge: the right vector for every id, re-used when nothing changed."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from recbole_llm4msr.knowledge import KnowledgeError, prepare_knowledge
from tests.knowledge.conftest import ROWS, make_history


def test_knowledge_none_gives_no_vectors(history, settings):
    assert prepare_knowledge(settings(knowledge="none"), history) is None


@pytest.mark.parametrize("kind", ["lsa", "random"])
def test_shapes_and_dtypes_of_prepared_knowledge(kind, history, settings):
    found = prepare_knowledge(settings(knowledge=kind, item_knowledge=True), history)
    assert found.user.dtype == torch.float32
    assert found.user.shape[0] == 7
    assert found.scenario.shape[0] == 2
    assert found.item.shape == (9, found.user.shape[1])
    assert found.own.tolist() == [False, True, True, True, False, True, False]
    assert found.train_index is None
    assert "4 users with a prompt of their own, 1 below the threshold, 1 unseen" in found.summary
    assert torch.isfinite(found.user).all()
    never_trained = 1 + history.item_tokens.index("i7")
    assert found.item[never_trained].abs().sum() == 0
    assert found.item[0].abs().sum() == 0
    assert found.item[1 + history.item_tokens.index("i1")].abs().sum() > 0


def test_similar_histories_have_similar_vectors(settings):
    rows = [
        (f"u{n}", item, "home", 1, n)
        for n, items in enumerate([["i1", "i5"], ["i1", "i5"], ["i2", "i3"], ["i2", "i6"]])
        for item in items
    ]
    history = make_history(
        rows,
        users=["u0", "u1", "u2", "u3"],
        scenarios=["home"],
        scenario_names=["Home"],
        scenario_descriptions=[""],
    )
    user = torch.nn.functional.normalize(prepare_knowledge(settings(), history).user[1:])
    likeness = user @ user.T
    assert likeness[0, 1] > 0.99
    assert likeness[2, 3] > likeness[2, 0]


def test_a_second_run_loads_identical_vectors(history, settings):
    keys = {"knowledge_folds": 3, "item_knowledge": True}
    one = prepare_knowledge(settings(**keys), history)
    two = prepare_knowledge(settings(**keys), history)
    assert "made" in one.summary
    assert "re-used all" in two.summary
    assert one.fingerprint == two.fingerprint
    for name in ("user", "scenario", "item", "train_index", "own"):
        assert torch.equal(getattr(one, name), getattr(two, name))


def test_another_store_gives_identical_vectors(history, settings, tmp_path):
    one = prepare_knowledge(settings(), history)
    two = prepare_knowledge(settings(knowledge_path=str(tmp_path / "other")), history)
    assert torch.equal(one.user, two.user)
    assert torch.equal(one.scenario, two.scenario)


def test_no_user_above_the_threshold_is_an_error(history, settings):
    with pytest.raises(KnowledgeError, match="interaction_threshold = 50"):
        prepare_knowledge(settings(interaction_threshold=50), history)


def test_low_coverage_is_warned_about(history, settings, caplog):
    prepare_knowledge(settings(knowledge_min_coverage=0.9), history)
    assert "only 66.7 % of 6 users" in caplog.text


def test_histories_without_times_are_warned_about(history, settings, caplog):
    prepare_knowledge(settings(), history)
    assert "TIME_FIELD" not in caplog.text
    without = make_history(rows=[(*row[:-1], None) for row in ROWS])
    for _ in ("made", "re-used"):
        caplog.clear()
        prepare_knowledge(settings(), without)
        assert "tiny: no times are loaded (TIME_FIELD)" in caplog.text


def test_transformers_is_not_imported_without_an_llm():
    code = (
        "import sys; import recbole_llm4msr.knowledge; from recbole_llm4msr.knowledge.encoders "
        "import make_encoder; from recbole_llm4msr.knowledge import KnowledgeOptions; "
        "make_encoder(KnowledgeOptions()); sys.exit('transformers' in sys.modules)"
    )
    import recbole_llm4msr

    # Wherever the test runs, the package under test is the one that is found.
    found = {**os.environ, "PYTHONPATH": str(Path(recbole_llm4msr.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], env=found, check=False)
    assert done.returncode == 0


def test_a_single_scenario_with_a_single_user(settings):
    history = make_history(
        [("ann", "i1", "home", 1, None)],
        users=["ann"],
        scenarios=["home"],
        scenario_names=["Home"],
        scenario_descriptions=[""],
        profiles=None,
    )
    found = prepare_knowledge(settings(item_knowledge=True, knowledge_folds=2), history)
    assert found.user.shape[1] >= 1
    assert np.isfinite(found.user.numpy()).all()
    assert found.scenario.shape == (1, 128)
    assert found.scenario.abs().max() > 0


def test_real_rows_of_three_departments(real_data, settings):
    """A part of the real data: users of two departments have both in their prompt's vector."""
    folder = real_data / "amazon-bst"
    rows = pl.read_csv(
        folder / "amazon-bst.train.inter",
        separator="\t",
        n_rows=20_000,
        new_columns=["user", "item", "scenario", "label", "time"],
        schema_overrides={"label:float": pl.Float32, "timestamp:float": pl.Float64},
    )
    items = pl.read_csv(
        folder / "amazon-bst.item",
        separator="\t",
        quote_char=None,
        new_columns=["item", "title"],
        schema_overrides={"item_id:token": pl.String},
    )
    history = make_history(
        rows.rows(),
        {**dict(items.iter_rows())},
        users=sorted(set(rows["user"])),
        scenarios=sorted(set(rows["scenario"])),
        scenario_names=sorted(set(rows["scenario"])),
        scenario_descriptions=[""] * rows["scenario"].n_unique(),
        profiles=None,
    )
    found = prepare_knowledge(settings(knowledge_folds=2), history)
    assert found.user.shape[1] == 128
    assert found.own[1:].all()
    assert found.train_index.min() >= len(history.users) + 1


def test_made_and_re_used_vectors_are_equally_aligned(history, settings):
    """Else the run that makes them and the next one differ in the last bit."""
    for _ in range(2):
        found = prepare_knowledge(settings(item_knowledge=True), history)
        for name in ("user", "scenario", "item"):
            assert getattr(found, name).data_ptr() % 64 == 0, name
