r"""SARNet: a scenario-specific transformation before shared and specific experts.

Reference:
    Qijie Shen et al. "SAR-Net: A Scenario-Aware Ranking Network for Personalized Fair
    Recommendation in Hundreds of Travel Scenarios." CIKM 2021. https://arxiv.org/abs/2110.06475
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


@register_backbone
class SARNet(MultiScenarioRecommender):
    r"""Scenario-Aware Ranking Network.

    .. math::
        h = \beta_s \odot x + \gamma_s, \qquad
        \mathrm{logit} = t\big(\mathrm{mix}([E_s(h), E_{sh}(h)],\, W h)\big)

    where :math:`E_s` are the experts of the row's scenario, :math:`E_{sh}` the shared ones, and
    ``mix`` weighs them by the softmax of the one gate :math:`W`. The transformation starts as the
    identity.

    Adapted: the paper's two attention layers over the user's behaviour sequence are left out (a
    row here carries no sequence with scenario contexts); so is the fairness coefficient of its
    debias experts, which stands for manual interventions that public data do not record. Experts
    are as deep as those of the other models and are read by a tower, and have no batch
    normalisation.
    """

    def __init__(self, config, dataset) -> None:
        super().__init__(config, dataset)

        # load parameters info
        self.specific_expert_num = config["specific_expert_num"]
        self.shared_expert_num = config["shared_expert_num"]
        self.expert_hidden_size = config["expert_hidden_size"]
        self.tower_hidden_size = config["tower_hidden_size"]
        self.dropout_prob = config["dropout_prob"]

        # define layers and loss
        shape = (self.input_size, self.expert_hidden_size, self.dropout_prob)
        self.beta = nn.Parameter(torch.ones(self.n_scenarios, self.input_size))
        self.gamma = nn.Parameter(torch.zeros(self.n_scenarios, self.input_size))
        self.specific = PerScenario(
            Experts(self.specific_expert_num, *shape) for _ in range(self.n_scenarios)
        )
        self.shared = Experts(self.shared_expert_num, *shape)
        self.gate = nn.Linear(self.input_size, self.specific_expert_num + self.shared_expert_num)
        self.tower = Tower(self.expert_hidden_size[-1], self.tower_hidden_size, self.dropout_prob)

        # parameters initialization
        self.apply(init_weights)

    def score(self, x: torch.Tensor, scenario: torch.Tensor) -> torch.Tensor:
        """Logits, shape ``(B,)``."""
        groups = ScenarioGroups(scenario, self.n_scenarios)
        h = self.beta[scenario] * x + self.gamma[scenario]  # (B, D)
        experts = torch.cat([self.specific(h, groups), self.shared(h)], dim=1)  # (B, E, H)
        return self.tower(mix(experts, self.gate(h)))
