"""Audit on coin flips: a leak with one fold, none with five; coinciding vectors; cut prompts."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from recbole_llm4msr.knowledge import KnowledgeError, KnowledgeOptions, prepare_knowledge
from recbole_llm4msr.knowledge.audit import LEAK, NOTE, OK, audit_knowledge
from recbole_llm4msr.knowledge.audit.coinciding import coinciding
from recbole_llm4msr.knowledge.audit.findings import probe_finding
from recbole_llm4msr.knowledge.audit.leaks import COUNT, DIFFERENCE, ITEM, SIMILARITY, VECTOR
from recbole_llm4msr.knowledge.audit.probes import Estimate, within_user_auc
from recbole_llm4msr.knowledge.audit.sample import permute_labels, sample_users
from tests.knowledge.coin_flips import coin_history


def audited(settings, history, **keys):
    config = settings(**keys)
    result = audit_knowledge(config, history, KnowledgeOptions.from_config(config))
    return result, {finding.check: finding for finding in result.findings}


def test_one_fold_leaks_and_five_do_not(settings, tmp_path):
    history = coin_history((8, 40), n_users=250)
    result, found = audited(settings, history, item_text_fields=["title"])
    assert result.leaks
    for check in ("vector, and vector times item's vector", "cosine of vector and item's vector"):
        finding = found[check]
        assert finding.verdict == LEAK
        assert "set knowledge_folds: 5" in finding.remark
        assert finding.figures["1"]["auc"] > 0.9
        assert abs(finding.figures["5"]["auc"] - 0.5) < 0.03
    result, found = audited(settings, history, knowledge_folds=5)
    assert not result.leaks
    assert found["vector of the row"].verdict == OK
    difference = found["vector without the user's mean"]
    assert difference.verdict == OK
    assert found["positives outside the row's fold"].verdict == NOTE
    assert not tmp_path.joinpath("store").exists()  # nothing is written


def test_a_leak_is_an_auc_above_margin_and_three_standard_errors():
    def verdict(probe, auc, error, folds=5, count=0.5):
        found = {
            probe: Estimate(auc, error),
            **({} if probe == COUNT else {COUNT: Estimate(count, error)}),
        }
        return probe_finding(probe, [found, found], (1, 5), folds).verdict

    assert verdict(VECTOR, 0.53, 0.005) == LEAK
    assert verdict(VECTOR, 0.53, 0.011) == OK
    assert verdict(VECTOR, 0.518, 0.001) == OK
    assert verdict(SIMILARITY, 0.45, 0.005) == LEAK  # no fit has chosen its sign
    assert verdict(ITEM, 0.45, 0.005) == OK
    assert verdict(DIFFERENCE, 0.60, 0.005, count=0.62) == NOTE
    assert verdict(DIFFERENCE, 0.60, 0.005, count=0.55) == LEAK
    assert verdict(COUNT, 0.60, 0.005) == NOTE


def test_users_with_one_label_cannot_be_probed(settings):
    history = coin_history((4, 9), n_users=30)
    alike = replace(history, rows=history.rows.with_columns(label=pl.lit(1, dtype=pl.Float32)))
    result, found = audited(settings, alike)
    assert not result.leaks
    assert found["label of a row"].verdict == NOTE
    with pytest.raises(KnowledgeError, match="nothing to audit"):
        audited(settings, history, knowledge="random")


def test_items_with_other_texts_and_the_same_vector_are_noted(settings):
    """Words that occur once are not in the vocabulary of lsa."""
    history = coin_history((4, 9), n_users=80, n_items=40)
    titles = [f"once{n}" if n < 5 else f"word{n % 7} word{n % 5}" for n in range(40)]
    names = history.items.with_columns(title=pl.Series(titles[: history.items.height]))
    _, found = audited(settings, replace(history, items=names), item_knowledge=True)
    items = found["items that coincide, with other texts"]
    assert items.verdict == NOTE
    assert items.figures["coinciding"] >= 5
    assert items.figures["vectors"] == history.items.height


def test_coinciding_counts_different_prompts_of_one_vector():
    random = np.random.default_rng(0)
    vectors = random.normal(size=(6, 8))
    vectors[3], vectors[5] = 2 * vectors[0], vectors[4]
    assert coinciding(vectors, list("abcdef")) == 4
    assert coinciding(vectors, ["a", "b", "c", "a", "e", "e"]) == 0
    assert coinciding(np.zeros((3, 4)), list("abc")) == 3


def test_cut_prompts_are_counted_with_what_they_lose(settings, minilm):
    history = coin_history((20, 30), n_users=20)
    keys = {"knowledge": "transformers", "llm": minilm, "prompt_max_tokens": 64}
    _, found = audited(settings, history, **keys)
    users = found["prompts of users that are cut"]
    assert users.verdict == NOTE
    assert users.figures["cut"] == users.figures["prompts"] == 20
    assert users.figures["tokens"] > 20
    assert 2 < users.figures["items"] <= 16
    coinciding_users = found["users that coincide, with other texts"]
    assert "not encoded yet" in coinciding_users.remark
    assert coinciding_users.verdict == NOTE
    assert "prompt_history" in users.remark
    assert "prompt_history" not in found["prompts of scenarios that are cut"].remark
    _, found = audited(settings, history, **{**keys, "prompt_max_tokens": 512})
    assert found["prompts of users that are cut"].verdict == OK


def test_vectors_of_the_runs_encoder_are_read_from_its_store(settings, minilm, history):
    keys = {"knowledge": "transformers", "llm": minilm}
    prepare_knowledge(settings(**keys), history)
    _, found = audited(settings, history, **keys)
    assert "4 read from the store" in found["users that coincide, with other texts"].remark


def test_the_auc_within_users_ignores_their_share_of_positives():
    users = np.repeat([0, 1], 4)
    label = np.array([1, 1, 1, 0, 0, 0, 0, 1], dtype=bool)
    assert within_user_auc(np.where(users == 0, 1.0, 0.0), label, users).auc == 0.5
    assert within_user_auc(label + 10.0 * users, label, users).auc == 1.0


def test_the_standard_error_is_that_of_repeated_draws():
    random = np.random.default_rng(1)
    users = np.repeat(np.arange(60), random.integers(2, 12, size=60))
    drawn = [
        within_user_auc(random.random(len(users)), random.random(len(users)) < 0.4, users)
        for _ in range(300)
    ]
    spread = np.std([estimate.auc for estimate in drawn])
    assert spread == pytest.approx(np.mean([estimate.error for estimate in drawn]), rel=0.15)


def test_permuted_labels_keep_every_users_share():
    history = coin_history((2, 12), n_users=50)
    permuted = permute_labels(history, seed=3)
    assert (permuted.rows["label"] != history.rows["label"]).any()
    assert permuted.rows.drop("label").equals(history.rows.drop("label"))
    before, after = (
        one.rows.group_by("user").agg(pl.col("label").sum()).sort("user")
        for one in (history, permuted)
    )
    assert before.equals(after)


def test_a_sample_has_whole_users_within_the_bound():
    history = coin_history((2, 12), n_users=200)
    sample = sample_users(history, 300, seed=0, both_labels=True)
    assert 250 < sample.rows.height <= 300
    whole = history.rows.filter(pl.col("user").is_in(sample.users))
    assert sample.rows.equals(whole)
    of_user = sample.rows.group_by("user").agg(pl.col("label").mean())["label"]
    assert of_user.is_between(0, 1, closed="none").all()
    assert set(sample.items["item"]) == set(sample.rows["item"]) == set(sample.item_tokens)
