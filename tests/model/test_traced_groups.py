"""Forms of ScenarioGroups for tracing: the same results, row by row."""

from __future__ import annotations

import pytest
import torch

from recbole_llm4msr.model.layers.groups import ScenarioGroups
from recbole_llm4msr.model.layers.mlp import PerScenario
from recbole_llm4msr.model.layers.traced_groups import (
    EveryScenario,
    OneScenario,
    traceable_routing,
)

N_SCENARIOS = 4


@pytest.fixture
def layers() -> PerScenario:
    torch.manual_seed(1)
    return PerScenario(torch.nn.Linear(5, 3) for _ in range(N_SCENARIOS))


def test_every_scenario_selects_the_result_of_each_row(layers) -> None:
    x, scenario = torch.randn(50, 5), torch.randint(N_SCENARIOS, (50,))
    expected = layers(x, ScenarioGroups(scenario, N_SCENARIOS))
    with traceable_routing():
        groups = ScenarioGroups(scenario, N_SCENARIOS)
        assert type(groups) is EveryScenario
        torch.testing.assert_close(layers(x, groups), expected)
        logits = groups.merge(part[:, 0] for part in groups.split(x))  # one number a row
    torch.testing.assert_close(logits, x[:, 0])


@pytest.mark.parametrize("scenario", range(N_SCENARIOS))
def test_one_scenario_runs_its_layers_alone(layers, scenario) -> None:
    x, ids = torch.randn(50, 5), torch.full((50,), scenario)
    expected = layers(x, ScenarioGroups(ids, N_SCENARIOS))
    with traceable_routing(scenario):
        groups = ScenarioGroups(ids, N_SCENARIOS)
        assert isinstance(groups, OneScenario)
        assert [len(part) for part in groups.split(x)] == groups.sizes
        assert sum(groups.sizes) == groups.sizes[scenario] == 50
        torch.testing.assert_close(layers(x, groups), expected)


def test_clusters_that_a_model_computes_differ_between_rows_of_one_scenario(layers) -> None:
    x, clusters = torch.randn(50, 5), torch.randint(N_SCENARIOS, (50,))
    expected = layers(x, ScenarioGroups(clusters, N_SCENARIOS))
    with traceable_routing(0):
        groups = ScenarioGroups(clusters, N_SCENARIOS, is_computed=True)
        torch.testing.assert_close(layers(x, groups), expected)


def test_the_form_ends_with_the_block_also_after_an_error() -> None:
    with pytest.raises(RuntimeError), traceable_routing():
        raise RuntimeError
    assert type(ScenarioGroups(torch.tensor([0, 1]), 2)) is ScenarioGroups
