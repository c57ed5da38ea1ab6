r"""HMoE: scenarios share experts in the feature space and scores in the label space.

Reference:
    Pengcheng Li et al. "Improving Multi-Scenario Learning to Rank in E-commerce by Exploiting Task
    Relationships in the Label Space." CIKM 2020. https://doi.org/10.1145/3340531.3412713
"""

from __future__ import annotations

import torch
from torch import nn

from recbole_llm4msr.model.backbone.mmoe import MMoE
from recbole_llm4msr.model.layers.mlp import PerScenario, ScenarioGroups, init_weights, mix
from recbole_llm4msr.model.registry import register_backbone


@register_backbone
class HMoE(MMoE):
    r"""Hybrid of implicit and explicit mixture-of-experts.

    .. math::
        o_j = t_j\big(\mathrm{mix}(E(x),\, W_j x)\big), \qquad
        \mathrm{logit} = \sum_j \mathrm{softmax}(R_s x)_j\, o_j

    The implicit part is a multi-gate mixture of shared experts :math:`E`; the explicit part adds
    up the scores that the towers of *all* scenarios give the row, with weights from the relation
    network :math:`R_s` of the row's own. As in the paper, no gradient flows from a row into
    another scenario's score. We add up logits, where the paper adds up ranking scores. A row runs
    the gate and tower of every scenario: their scores are what it is made of.
    """

    def __init__(self, config, dataset) -> None:
        super().__init__(config, dataset)

        # define layers and loss, beyond those of MMoE
        S = self.n_scenarios
        self.relations = PerScenario(nn.Linear(self.input_size, S) for _ in range(S))

        # parameters initialization
        self.relations.apply(init_weights)

    def score(self, x: torch.Tensor, scenario: torch.Tensor) -> torch.Tensor:
        """Logits, shape ``(B,)``."""
        S = self.n_scenarios
        experts = self.experts(x)  # (B, E, H)
        pairs = zip(self.towers, self.gates, strict=True)
        scores = torch.stack([t(mix(experts, gate(x))) for t, gate in pairs], dim=1)  # (B, S)
        own = torch.arange(S, device=x.device) == scenario.unsqueeze(1)  # (B, S)
        scores = torch.where(own, scores, scores.detach())
        relation = self.relations(x, ScenarioGroups(scenario, S))  # (B, S)
        return mix(scores.unsqueeze(-1), relation).squeeze(-1)
