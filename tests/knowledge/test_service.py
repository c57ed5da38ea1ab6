"""The hook: the right vector for every id, re-used when nothing changed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from recbole_llm4msr.knowledge import KnowledgeError, prepare_knowledge
from recbole_llm4msr.knowledge.options import KnowledgeOptions
from recbole_llm4msr.knowledge.service import Workbench, store_folder
from tests.knowledge.conftest import ROWS, Settings, make_history


def test_none_is_none(history, settings):
    assert prepare_knowledge(settings(knowledge="none"), history) is None


@pytest.mark.parametrize("kind", ["lsa", "random"])
def test_shapes_flags_and_types(kind, history, settings):
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


def test_a_user_below_the_threshold_gets_the_mean_of_its_scenarios(history, settings):
    found = prepare_knowledge(settings(), history)
    ann, cleo, eve = (found.user[1 + history.users.index(u)] for u in ("ann", "cleo", "eve"))
    dan, fay = (found.user[1 + history.users.index(u)] for u in ("dan", "fay"))
    torch.testing.assert_close(dan, (ann + cleo + eve) / 3, atol=2e-3, rtol=0)
    everybody = found.user[found.own].mean(dim=0)
    torch.testing.assert_close(fay, everybody, atol=2e-3, rtol=0)
    torch.testing.assert_close(found.user[0], everybody, atol=2e-3, rtol=0)


def test_vectors_are_joined_by_raw_token_not_by_position(history, settings):
    one = prepare_knowledge(settings(item_knowledge=True), history)
    turned = make_history(
        users=history.users[::-1],
        item_tokens=history.item_tokens[::-1],
        rows=history.rows.reverse(),
    )
    two = prepare_knowledge(settings(item_knowledge=True), turned)
    torch.testing.assert_close(two.user[1:].flip(0), one.user[1:])
    torch.testing.assert_close(two.item[1:].flip(0), one.item[1:])


def test_like_histories_have_like_vectors(settings):
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


def test_a_second_run_reads_the_same_numbers(history, settings):
    keys = {"knowledge_folds": 3, "item_knowledge": True}
    one = prepare_knowledge(settings(**keys), history)
    two = prepare_knowledge(settings(**keys), history)
    assert "made" in one.summary
    assert "re-used all" in two.summary
    assert one.fingerprint == two.fingerprint
    for name in ("user", "scenario", "item", "train_index", "own"):
        assert torch.equal(getattr(one, name), getattr(two, name))


def test_another_store_gives_the_same_numbers(history, settings, tmp_path):
    one = prepare_knowledge(settings(), history)
    two = prepare_knowledge(settings(knowledge_path=str(tmp_path / "other")), history)
    assert torch.equal(one.user, two.user)
    assert torch.equal(one.scenario, two.scenario)


@pytest.mark.parametrize(
    "change",
    [
        {"knowledge_size": 2},
        {"prompt_history": 1},
        {"prompt_language": "zh"},
        {"prompt_form": "full"},
        {"interaction_threshold": 2},
        {"knowledge_folds": 2},
        {"knowledge_whiten": True},
        {"knowledge": "random"},
    ],
)
def test_a_change_of_what_matters_changes_the_fingerprint(change, history, settings):
    one = prepare_knowledge(settings(), history)
    two = prepare_knowledge(settings(**change), history)
    assert one.fingerprint != two.fingerprint
    assert "made" in two.summary


@pytest.mark.parametrize("change", [{"prompt_max_tokens": 40}, {"knowledge_pooling": "eol"}])
def test_what_changes_the_prompts_of_a_server_changes_the_fingerprint(change, history, settings):
    asked = {"knowledge": "endpoint", "llm": "m", "endpoint_url": "http://localhost:1"}
    found = [
        Workbench.open(given, history, KnowledgeOptions.from_config(given)).fingerprint
        for given in (settings(**asked), settings(**asked), settings(**asked, **change))
    ]
    assert found[0] == found[1] != found[2]


def test_items_that_only_test_rows_know_still_move_the_order(history, settings):
    one = prepare_knowledge(settings(item_knowledge=True), history)
    more = make_history(item_tokens=["a0", *history.item_tokens])
    two = prepare_knowledge(settings(item_knowledge=True), more)
    assert torch.equal(one.item[1:], two.item[2:])
    assert two.item[1].abs().sum() == 0


def test_other_data_has_another_fingerprint(history, settings):
    one = prepare_knowledge(settings(), history)
    two = prepare_knowledge(settings(), make_history(history.rows.rows()[:-1]))
    assert one.fingerprint != two.fingerprint


def test_fold_vectors_are_those_of_the_history_without_the_fold(history, settings):
    found = prepare_knowledge(settings(knowledge_folds=5, knowledge_size=3), history)
    n_users = len(history.users) + 1
    index = found.train_index
    assert index.dtype == torch.int64
    assert index.shape == (history.rows.height,)
    rows = history.rows["user"].to_list()
    # No row is trained with a vector that was made of all rows of its user.
    assert (index >= n_users).all()
    # A positive and its negative are trained with the same vector.
    assert (index[:8:2] == index[1:9:2]).all()
    # cleo and dan have nothing left without the row: they share the mean of their scenario.
    cleo, dan = (found.user[index[rows.index(user)]] for user in ("cleo", "dan"))
    assert torch.equal(cleo, dan)
    # eve's five rows are in two folds, which leave two different histories.
    eve = [at for at, user in zip(index.tolist(), rows, strict=True) if user == "eve"]
    assert len(set(eve)) == 2


def test_full_vectors_do_not_depend_on_the_number_of_folds(history, settings):
    """Nothing is fitted on fold prompts."""
    two = prepare_knowledge(settings(knowledge_folds=2), history)
    three = prepare_knowledge(settings(knowledge_folds=3), history)
    n_users = len(history.users) + 1
    assert torch.equal(two.user[:n_users], three.user[:n_users])


def test_random_vectors_belong_to_the_raw_token(history, settings, tmp_path):
    """A smaller data set leaves a user's raw vector as it is."""
    from recbole_llm4msr.knowledge.encoders.random import NoiseEncoder

    encoder = NoiseEncoder(8, 1)
    one = encoder.encode(["user ann", "user bob"], lambda *_: None).vectors
    two = encoder.encode(["user bob"], lambda *_: None).vectors
    assert (one[1] == two[0]).all()
    assert (NoiseEncoder(8, 2).encode(["user bob"], lambda *_: None).vectors != two).all()
    found = prepare_knowledge(settings(knowledge="random", knowledge_folds=3), history)
    assert found.train_index is None  # a name knows no history


def test_a_store_of_other_data_is_refused_and_says_why(history, settings):
    prepare_knowledge(settings(), history)
    other = make_history(history.rows.rows()[:-1])
    with pytest.raises(KnowledgeError, match=r"not made for this run.*tiny, differs in data"):
        prepare_knowledge(settings(knowledge_build=False), other)
    with pytest.raises(KnowledgeError, match=r"differs in .*prompt_history: 8 there, 3 here"):
        prepare_knowledge(settings(knowledge_build=False, prompt_history=3), history)
    assert "re-used all" in prepare_knowledge(settings(knowledge_build=False), history).summary


def test_an_empty_store_is_refused_when_nothing_may_be_built(history, settings):
    with pytest.raises(KnowledgeError, match="holds no prepared knowledge"):
        prepare_knowledge(settings(knowledge_build=False), history)


def test_nobody_above_the_threshold_is_an_error(history, settings):
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


def test_damaged_prepared_knowledge_is_told(history, settings, tmp_path):
    prepare_knowledge(settings(), history)
    (path,) = (tmp_path / "store" / "prepared").glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(KnowledgeError, match=r"damaged.*delete it and run again"):
        prepare_knowledge(settings(), history)
    path.unlink()
    assert "made 0 vectors" in prepare_knowledge(settings(), history).summary


def test_the_manifest_says_what_was_made(history, settings, tmp_path):
    prepare_knowledge(settings(), history)
    (path,) = (tmp_path / "store" / "prepared").glob("*.json")
    content = json.loads(path.read_text())
    assert content["dataset"] == "tiny"
    assert content["request"]["data"] == history.fingerprint
    assert content["coverage"] == {"own": 4, "below": 1, "unseen": 1}


def test_the_store_lies_where_it_can_be_written(tmp_path, monkeypatch):
    options = KnowledgeOptions()
    assert store_folder(Settings(data_path=str(tmp_path)), options, "d") == tmp_path / "knowledge"
    installed = tmp_path / "site-packages" / "recbole" / "ml-100k"
    installed.mkdir(parents=True)
    for path in (installed, tmp_path / "missing", None):
        assert str(store_folder(Settings(data_path=path), options, "d")) == "dataset/d/knowledge"
    chosen = KnowledgeOptions(knowledge_path=str(tmp_path / "own"))
    assert store_folder(Settings(data_path=str(tmp_path)), chosen, "d") == tmp_path / "own"


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


def test_a_single_scenario_and_a_single_user_work(settings):
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
