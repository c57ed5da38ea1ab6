r"""AITM: scenarios in a chain, each adapting what the one before hands on.

Reference:
    Dongbo Xi et al. "Modeling the Sequential Dependence among Audience Multi-step Conversions with
    Multi-task Learning in Targeted Display Advertising." KDD 2021. https://arxiv.org/abs/2105.08489
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from recbole_llm4msr.model.base import MultiScenarioRecommender
from recbole_llm4msr.model.layers.mlp import ScenarioGroups, Tower, init_weights, mix
from recbole_llm4msr.model.registry import register_backbone


def network(sizes: Sequence[int], dropout: float) -> nn.Sequential:
    """Layers over ``sizes`` with a ReLU and dropout behind each, as the authors place them."""
    layers: list[nn.Module] = []
    for in_size, out_size in pairwise(sizes):
        layers += [nn.Linear(in_size, out_size), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers)


class AdaptiveInformationTransfer(nn.Module):
    r"""Weigh what is handed on against what the row says itself (AITM, equations 5 and 6).

    .. math::
        z = \sum_{u \in \{p, q\}} w_u\, V u, \qquad
        w = \mathrm{softmax}_u\Big(\frac{\langle Q u, K u\rangle}{\sqrt H}\Big)

    Args:
        size: Width of the vectors, H.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.value = nn.Linear(size, size, bias=False)  # h1
        self.query = nn.Linear(size, size, bias=False)  # h2
        self.key = nn.Linear(size, size, bias=False)  # h3

    def forward(self, p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        """``(B, H), (B, H) -> (B, H)``."""
        u = torch.stack([p, q], dim=1)  # (B, 2, H)
        weight = (self.query(u) * self.key(u)).sum(dim=-1) / u.shape[-1] ** 0.5  # (B, 2)
        return mix(self.value(u), weight)


@register_backbone
class AITM(MultiScenarioRecommender):
    r"""Adaptive Information Transfer Multi-task framework, with a scenario in the place of a task.

    .. math::
        q_s = f_s(x), \qquad z_1 = q_1, \qquad
        z_s = \mathrm{AIT}(g_{s-1}(z_{s-1}),\, q_s), \qquad \mathrm{logit} = t_s(z_s)

    :math:`g` is one layer with a ReLU. All links of the chain share the attention AIT, as in the
    authors' code.

    The paper's tasks are the steps of one conversion and have an order; scenarios have none of
    their own, so the chain follows their ids, which are the raw tokens in sorted order. For the
    same reason the paper's second loss, which keeps a later step from being likelier than an
    earlier one, has no meaning here and is left out. A row runs the networks of its scenario and
    of those before it in the chain.
    """

    def __init__(self, config, dataset) -> None:
        super().__init__(config, dataset)

        # load parameters info
        self.mlp_hidden_size = config["mlp_hidden_size"]
        self.tower_hidden_size = config["tower_hidden_size"]
        self.dropout_prob = config["dropout_prob"]

        # define layers and loss
        width, links = self.mlp_hidden_size[-1], range(self.n_scenarios - 1)
        self.networks = nn.ModuleList(
            network([self.input_size, *self.mlp_hidden_size], self.dropout_prob)
            for _ in range(self.n_scenarios)
        )
        self.transfers = nn.ModuleList(network([width, width], self.dropout_prob) for _ in links)
        if links:  # one scenario hands nothing on, and would leave the attention untrained
            self.attention = AdaptiveInformationTransfer(width)
        self.towers = nn.ModuleList(
            Tower(width, self.tower_hidden_size, self.dropout_prob) for _ in range(self.n_scenarios)
        )

        # parameters initialization
        self.apply(init_weights)

    def score(self, x: torch.Tensor, scenario: torch.Tensor) -> torch.Tensor:
        """Logits, shape ``(B,)``."""
        groups = ScenarioGroups(scenario, self.n_scenarios)
        parts = groups.split(x)
        logits = []
        for s in range(self.n_scenarios):
            q = self.networks[s](torch.cat(parts[s:]))  # of this scenario's rows and later ones'
            if s == 0:
                z = q
            else:
                handed_on = z[parts[s - 1].shape[0] :]  # rows of the scenario before are done
                z = self.attention(self.transfers[s - 1](handed_on), q)
            logits.append(self.towers[s](z[: parts[s].shape[0]]))
        return groups.merge(logits)
