r"""M2M: meta units turn what is known of a scenario into layers.

Reference:
    Qianqian Zhang et al. "Leaving No One Behind: A Multi-Scenario Multi-Task Meta Learning
    Approach for Advertiser Modeling." WSDM 2022. https://arxiv.org/abs/2201.06814
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from recbole_llm4msr.model.base import MultiScenarioRecommender
from recbole_llm4msr.model.layers.mlp import Experts, ScenarioGroups, Tower, init_weights, mix
from recbole_llm4msr.model.registry import register_backbone

#: Slope of every LeakyReLU for negative inputs.
_SLOPE = 0.1


class MetaUnit(nn.Module):
    r"""Generates a layer from the knowledge of a scenario.

    .. math::
        W_s = \mathrm{reshape}(V_w \tilde S_s + v_w), \qquad b_s = V_b \tilde S_s + v_b

    One layer is generated per scenario and batch, never per row.

    Args:
        knowledge_size: Width of a scenario's knowledge :math:`\tilde S_s`, K.
        size: Width of the generated layer's input and output, n.
    """

    def __init__(self, knowledge_size: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.weight = nn.Linear(knowledge_size, size * size)
        self.bias = nn.Linear(knowledge_size, size)

    def reset_parameters(self) -> None:
        """Let generated weights start as wide as Xavier-normal ones."""
        nn.init.normal_(self.weight.bias, std=self.size**-0.5)

    def forward(self, knowledge: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """``(S, K)`` to weights ``(S, n, n)`` and biases ``(S, n)``."""
        return self.weight(knowledge).view(-1, self.size, self.size), self.bias(knowledge)


@register_backbone
class M2M(MultiScenarioRecommender):
    r"""Multi-scenario multi-task meta learning, with one task.

    .. math::
        a_i &= v^\top \mathrm{Meta}_s([E_i \,\|\, T]), \qquad
        R = \sum_i \mathrm{softmax}(a)_i E_i \\
        L^{(j)} &= \phi(\mathrm{Meta}_s^{(j)}(L^{(j-1)}) + L^{(j-1)}), \qquad L^{(0)} = R, \qquad
        \mathrm{logit} = \mathrm{MLP}(L^{(J)})

    where :math:`E_i` is what expert i makes of the row, T the task's view,
    :math:`\mathrm{Meta}_s(h) = \phi(W_s h + b_s)` inside the attention, :math:`W_s h + b_s` in the
    tower, and :math:`\phi` LeakyReLU; experts and the last MLP have ReLU. The attention is over the
    experts of one row. Adapted: the row's embedding stands in for the transformer over an
    advertiser's history, the scenario's knowledge is an embedding of the scenario alone, and the
    one task has a trained vector.
    """

    def __init__(self, config, dataset) -> None:
        super().__init__(config, dataset)

        # load parameters info
        self.expert_num = config["expert_num"]
        self.expert_hidden_size = config["expert_hidden_size"]
        self.tower_hidden_size = config["tower_hidden_size"]
        self.meta_tower_layers = config["meta_tower_layers"]
        self.dropout_prob = config["dropout_prob"]

        # define layers and loss
        size = self.expert_hidden_size[-1]
        self.experts = Experts(
            self.expert_num, self.input_size, self.expert_hidden_size, self.dropout_prob
        )
        self.task_embedding = nn.Embedding(1, self.embedding_size)
        self.task_view = nn.Linear(self.embedding_size, size)
        self.scenario_embedding = nn.Embedding(self.n_scenarios, self.embedding_size)
        self.scenario_knowledge = nn.Linear(self.embedding_size, self.embedding_size)
        self.attention_unit = MetaUnit(self.embedding_size, 2 * size)
        self.attention = nn.Linear(2 * size, 1, bias=False)  # v
        self.tower_units = nn.ModuleList(
            MetaUnit(self.embedding_size, size) for _ in range(self.meta_tower_layers)
        )
        self.tower = Tower(size, self.tower_hidden_size, self.dropout_prob)

        # parameters initialization
        self.apply(init_weights)
        for unit in [self.attention_unit, *self.tower_units]:
            unit.reset_parameters()

    def fuse(self, experts: torch.Tensor, task: torch.Tensor, weight, bias) -> torch.Tensor:
        """Meta attention over the experts of each row: ``(B_s, N, E), (1, E) -> (B_s, E)``."""
        pairs = torch.cat([experts, task.expand(*experts.shape)], dim=-1)  # (B_s, N, 2E)
        scores = self.attention(F.leaky_relu(F.linear(pairs, weight, bias), _SLOPE))  # (B_s, N, 1)
        return mix(experts, scores.squeeze(-1))

    def score(self, x: torch.Tensor, scenario: torch.Tensor) -> torch.Tensor:
        """Logits, shape ``(B,)``."""
        experts = self.experts(x)  # (B, N, E)
        task = F.leaky_relu(self.task_view(self.task_embedding.weight), _SLOPE)  # (1, E)
        knowledge = F.leaky_relu(self.scenario_knowledge(self.scenario_embedding.weight), _SLOPE)
        weights, biases = self.attention_unit(knowledge)
        layers = [unit(knowledge) for unit in self.tower_units]

        parts = []
        groups = ScenarioGroups(scenario, self.n_scenarios)
        for s, rows in enumerate(groups.split(experts)):
            h = self.fuse(rows, task, weights[s], biases[s])
            for weight, bias in layers:
                h = F.leaky_relu(F.linear(h, weight[s], bias[s]) + h, _SLOPE)
            parts.append(h)
        return self.tower(groups.merge(parts))
