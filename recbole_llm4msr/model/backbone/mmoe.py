r"""OMoE and MMoE: experts that all scenarios share, mixed by gates.

Reference:
    Jiaqi Ma et al. "Modeling Task Relationships in Multi-task Learning with Multi-gate
    Mixture-of-Experts." KDD 2018. https://doi.org/10.1145/3219819.3220007
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


class MixtureOfExperts(MultiScenarioRecommender):
    """What OMoE and MMoE have in common: the experts and a tower for each scenario."""

    def __init__(self, config, dataset) -> None:
        super().__init__(config, dataset)

        # load parameters info
        self.expert_num = config["expert_num"]
        self.expert_hidden_size = config["expert_hidden_size"]
        self.tower_hidden_size = config["tower_hidden_size"]
        self.dropout_prob = config["dropout_prob"]

        # define layers and loss
        self.experts = Experts(
            self.expert_num, self.input_size, self.expert_hidden_size, self.dropout_prob
        )
        self.define_gates()
        self.towers = PerScenario(
            Tower(self.expert_hidden_size[-1], self.tower_hidden_size, self.dropout_prob)
            for _ in range(self.n_scenarios)
        )

        # parameters initialization
        self.apply(init_weights)

    def define_gates(self) -> None:
        """Make the layers of :meth:`gate`."""
        raise NotImplementedError

    def gate(self, x: torch.Tensor, groups: ScenarioGroups) -> torch.Tensor:
        """Give the experts' weights before the softmax, shape ``(B, E)``."""
        raise NotImplementedError

    def score(self, x: torch.Tensor, scenario: torch.Tensor) -> torch.Tensor:
        """Logits, shape ``(B,)``."""
        groups = ScenarioGroups(scenario, self.n_scenarios)
        h = mix(self.experts(x), self.gate(x, groups))  # (B, H)
        return self.towers(h, groups)


@register_backbone
class OMoE(MixtureOfExperts):
    r"""One-gate Mixture-of-Experts, with a scenario in the place of a task (equation 5).

    .. math::
        \mathrm{logit} = t_s\Big(\sum_e \mathrm{softmax}(W x)_e\, f_e(x)\Big)

    where :math:`f_e` are the experts, :math:`W` the one gate of all scenarios and :math:`t_s` the
    tower of the row's scenario :math:`s`. The gate has a bias, which the paper leaves out.
    """

    def define_gates(self) -> None:
        """One gate."""
        self.shared_gate = nn.Linear(self.input_size, self.expert_num)

    def gate(self, x: torch.Tensor, groups: ScenarioGroups) -> torch.Tensor:
        """Weights of the experts, shape ``(B, E)``."""
        return self.shared_gate(x)


@register_backbone
class MMoE(MixtureOfExperts):
    r"""Multi-gate Mixture-of-Experts, with a scenario in the place of a task (equations 6, 7).

    .. math::
        \mathrm{logit} = t_s\Big(\sum_e \mathrm{softmax}(W_s x)_e\, f_e(x)\Big)

    where :math:`f_e` are the experts, and :math:`W_s` and :math:`t_s` the gate and the tower of the
    row's scenario :math:`s`. The gates have a bias, which the paper leaves out.
    """

    def define_gates(self) -> None:
        """A gate for each scenario."""
        self.gates = PerScenario(
            nn.Linear(self.input_size, self.expert_num) for _ in range(self.n_scenarios)
        )

    def gate(self, x: torch.Tensor, groups: ScenarioGroups) -> torch.Tensor:
        """Weights of the experts, shape ``(B, E)``."""
        return self.gates(x, groups)
