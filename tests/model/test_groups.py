"""Rows grouped by scenario."""

from __future__ import annotations

import pytest
import torch

from recbole_llm4msr.model.layers import groups
from recbole_llm4msr.model.layers.groups import ScenarioGroups

from .small import many_ids


@pytest.mark.parametrize("scenario", [[0, 0, 1, 1], [1, 0, 2, 0], []])
def test_rows_return_to_their_positions(scenario) -> None:
    scenario = torch.tensor(scenario, dtype=torch.int64)
    x = torch.arange(2 * len(scenario), dtype=torch.float32).view(-1, 2)
    grouped = ScenarioGroups(scenario, 3)
    assert grouped.sizes == [int((scenario == s).sum()) for s in range(3)]
    for s, part in enumerate(grouped.split(x)):
        assert torch.equal(part, x[scenario == s])
    assert torch.equal(grouped.merge(grouped.split(x)), x)


@pytest.mark.parametrize("scenario", [[0, -1], [0, 3]])
def test_a_row_of_an_unknown_scenario_raises(scenario) -> None:
    with pytest.raises(ValueError, match=r"between 1 and 3 \(0 is RecBole's padding\)"):
        ScenarioGroups(torch.tensor(scenario), 3)


@pytest.mark.parametrize("n_scenarios", [2, 300, 70_000])
def test_a_cpu_counts_as_other_devices_do(n_scenarios) -> None:
    for scenario in many_ids(n_scenarios):
        counted = groups._count(scenario, n_scenarios)
        assert groups._count_on_cpu(scenario, n_scenarios) == counted
