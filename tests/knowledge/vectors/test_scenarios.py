"""Scenario vectors: correlation kept, equal vectors refused."""

import numpy as np
import polars as pl
import pytest

from recbole_llm4msr.knowledge import KnowledgeError, prepare_knowledge
from recbole_llm4msr.knowledge.vectors.compress import unit
from recbole_llm4msr.knowledge.vectors.scenarios import check_distinct, scenario_vectors
from tests.knowledge.conftest import make_history
from tests.knowledge.vectors.test_information_arrives import scenario_history


@pytest.mark.parametrize("size", [1, 4, 128])
@pytest.mark.parametrize("n_scenarios", [1, 2, 3, 6])
def test_vectors_keep_the_correlation_of_the_scenarios(n_scenarios, size):
    """The cosines of the encoder's vectors follow from what is kept, as the docstring says."""
    random = np.random.default_rng(0)
    states = random.normal(size=(n_scenarios, 40)) + 3 * random.normal(size=40)
    kept = scenario_vectors(states, size, seed=1).astype(np.float64)
    assert kept.shape == (n_scenarios, max(size, n_scenarios))
    assert np.square(kept).mean() == pytest.approx(1, abs=1e-5)
    mean, different = kept.mean(axis=0), kept - kept.mean(axis=0)
    length = np.sqrt(np.square(different).sum(axis=1).mean())
    if n_scenarios == 1:
        assert length < 1e-6
        return
    shared = np.linalg.norm(mean) / length  # the length of the mean of vectors of length one
    original = shared * mean / np.linalg.norm(mean) + np.sqrt(1 - shared**2) * different / length
    normal = unit(states).astype(np.float64)
    np.testing.assert_allclose(original @ original.T, normal @ normal.T, atol=1e-5)


def test_scenarios_without_a_difference_have_one_vector():
    kept = scenario_vectors(np.ones((3, 4)), 8, seed=1)
    assert (kept == kept[0]).all()
    assert np.square(kept).mean() == pytest.approx(1, abs=1e-5)
    assert scenario_vectors(np.zeros((2, 4)), 8, seed=1).any() == np.False_


def test_equal_vectors_of_different_texts_are_refused(settings):
    states = np.array([[1.0, 2.0], [2.0, 4.0], [2.0, 1.0]])
    check_distinct(states, ["a", "a", "b"], ["A", "A2", "B"], "tiny")
    with pytest.raises(KnowledgeError, match="scenarios 'A' and 'A2', though their prompts differ"):
        check_distinct(states, ["a", "c", "b"], ["A", "A2", "B"], "tiny")
    history = scenario_history(2, scenario_names=["- -", "+ +"])
    history = make_history(
        history.rows.with_columns(item=pl.lit("i1")).rows(),
        users=history.users,
        scenarios=history.scenarios,
        scenario_names=history.scenario_names,
        profiles=None,
        scenario_descriptions=["", ""],
    )
    with pytest.raises(KnowledgeError, match="tiny.scenario"):
        prepare_knowledge(settings(), history)
