r"""PLE: shared and scenario-specific experts, extracted level by level.

Reference:
    Hongyan Tang et al. "Progressive Layered Extraction (PLE): A Novel Multi-Task Learning (MTL)
    Model for Personalized Recommendations." RecSys 2020. https://doi.org/10.1145/3383313.3412236
"""

from __future__ import annotations

import torch
from torch import nn

from recbole_llm4msr.model.base import MultiScenarioRecommender
from recbole_llm4msr.model.layers.mlp import (
    Experts,
    PerScenario,
    ScenarioGroups,
    Tower,
    init_weights,
    mix,
)
from recbole_llm4msr.model.registry import register_backbone


class ExtractionLevel(nn.Module):
    r"""The experts and gates of one level (PLE, sections 4.1 and 4.2).

    .. math::
        g_k = \mathrm{mix}([E_k(x_k), E_{sh}(x_{sh})],\, W_k x_k), \qquad
        g_{sh} = \mathrm{mix}([E_1(x_1), \dots, E_S(x_S), E_{sh}(x_{sh})],\, W_{sh} x_{sh})

    Args:
        n_scenarios: Number of scenarios, S.
        expert_nums: Numbers of experts: of each scenario, and shared.
        in_size: Width of the input.
        hidden_sizes: Widths of an expert's layers; the last is H.
        dropout: Dropout probability.
        is_last: Whether no level follows; then nobody reads the shared gate, and there is none.
    """

    def __init__(
        self,
        n_scenarios: int,
        expert_nums: tuple[int, int],
        in_size: int,
        hidden_sizes: list[int],
        dropout: float,
        is_last: bool,
    ) -> None:
        super().__init__()
        specific, shared = expert_nums
        self.specific = nn.ModuleList(
            Experts(specific, in_size, hidden_sizes, dropout) for _ in range(n_scenarios)
        )
        self.shared = Experts(shared, in_size, hidden_sizes, dropout)
        self.gates = nn.ModuleList(
            nn.Linear(in_size, specific + shared) for _ in range(n_scenarios)
        )
        if not is_last:
            self.shared_gate = nn.Linear(in_size, n_scenarios * specific + shared)

    def extract(self, k: int, own: torch.Tensor, shared: torch.Tensor) -> torch.Tensor:
        """Extract for scenario ``k`` alone: its rows' ``(B, in)`` streams to ``(B, H)``."""
        experts = torch.cat([self.specific[k](own), self.shared(shared)], dim=1)
        return mix(experts, self.gates[k](own))

    def forward(
        self, streams: list[torch.Tensor], shared: torch.Tensor
    ) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Extract for every scenario and the shared stream: S + 1 times ``(B, in) -> (B, H)``."""
        specific = [experts(x) for experts, x in zip(self.specific, streams, strict=True)]
        common = self.shared(shared)
        extracted = [
            mix(torch.cat([experts, common], dim=1), gate(x))
            for experts, gate, x in zip(specific, self.gates, streams, strict=True)
        ]
        return extracted, mix(torch.cat([*specific, common], dim=1), self.shared_gate(shared))


@register_backbone
class PLE(MultiScenarioRecommender):
    r"""Progressive Layered Extraction, with a scenario in the place of a task.

    .. math::
        x_k^0 = x_{sh}^0 = x, \qquad (x_k^l, x_{sh}^l) = \mathrm{Level}_l(x_k^{l-1}, x_{sh}^{l-1}),
        \qquad \mathrm{logit} = t_s(x_s^L)

    with the levels of :class:`ExtractionLevel`. In the last level a row runs its own scenario's
    experts and the shared ones. In the levels before it, the shared gate reads the experts of all
    scenarios, as in the paper, and a row has to run them all; ``n_levels: 1`` is the paper's CGC,
    whose cost does not depend on the number of scenarios.
    """

    def __init__(self, config, dataset) -> None:
        super().__init__(config, dataset)

        # load parameters info
        self.expert_nums = (config["specific_expert_num"], config["shared_expert_num"])
        self.expert_hidden_size = config["expert_hidden_size"]
        self.tower_hidden_size = config["tower_hidden_size"]
        self.n_levels = config["n_levels"]
        self.dropout_prob = config["dropout_prob"]

        # define layers and loss
        width = self.expert_hidden_size[-1]
        self.levels = nn.ModuleList(
            ExtractionLevel(
                self.n_scenarios,
                self.expert_nums,
                width if level else self.input_size,
                self.expert_hidden_size,
                self.dropout_prob,
                is_last=level == self.n_levels - 1,
            )
            for level in range(self.n_levels)
        )
        self.towers = PerScenario(
            Tower(width, self.tower_hidden_size, self.dropout_prob) for _ in range(self.n_scenarios)
        )

        # parameters initialization
        self.apply(init_weights)

    def score(self, x: torch.Tensor, scenario: torch.Tensor) -> torch.Tensor:
        """Logits, shape ``(B,)``."""
        groups = ScenarioGroups(scenario, self.n_scenarios)
        streams, own, shared = [x] * self.n_scenarios, x, x
        for level in self.levels[:-1]:
            streams, shared = level(streams, shared)
            own = torch.stack(streams, dim=1)[
                torch.arange(x.shape[0], device=x.device), scenario
            ]  # (B, H)
        rows = zip(groups.split(own), groups.split(shared), strict=True)
        h = groups.merge(self.levels[-1].extract(k, *part) for k, part in enumerate(rows))
        return self.towers(h, groups)
