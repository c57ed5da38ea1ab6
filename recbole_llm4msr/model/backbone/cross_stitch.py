r"""CrossStitch: a network per scenario, and units that mix their layers.

Reference:
    Ishan Misra et al. "Cross-Stitch Networks for Multi-task Learning." CVPR 2016.
    https://arxiv.org/abs/1604.03539
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from recbole_llm4msr.model.base import MultiScenarioRecommender
from recbole_llm4msr.model.layers.mlp import PerScenario, ScenarioGroups, Tower, init_weights, mlp
from recbole_llm4msr.model.registry import register_backbone


@register_backbone
class CrossStitch(MultiScenarioRecommender):
    r"""Cross-stitch network, with a scenario in the place of a task.

    .. math::
        h_k^l = \mathrm{ReLU}(W_k^l \tilde h_k^{l-1} + b_k^l), \qquad
        \tilde h_k^l = \sum_j \alpha_{kj}^l h_j^l, \qquad \mathrm{logit} = t_s(\tilde h_s^L)

    with one :math:`\alpha^l` of shape (S, S) per layer (equation 1; there are no channels here to
    have one each). It starts with ``stitch_self`` on the diagonal, the rest of 1 spread over the
    other scenarios: a convex combination, as the paper advises. A row runs every scenario's
    network, since each reads the layers of all; only the last unit and the tower are its own.
    """

    def __init__(self, config, dataset) -> None:
        super().__init__(config, dataset)

        # load parameters info
        self.mlp_hidden_size = config["mlp_hidden_size"]
        self.tower_hidden_size = config["tower_hidden_size"]
        self.stitch_self = config["stitch_self"]
        self.dropout_prob = config["dropout_prob"]

        # define layers and loss
        S = self.n_scenarios
        self.layers = nn.ModuleList(
            nn.ModuleList(mlp(sizes, self.dropout_prob) for _ in range(S))
            for sizes in pairwise([self.input_size, *self.mlp_hidden_size])
        )
        own = torch.eye(S)
        stitch = self.stitch_self * own + (1 - self.stitch_self) * (1 - own) / max(S - 1, 1)
        self.stitches = nn.ParameterList(nn.Parameter(stitch.clone()) for _ in self.layers)
        self.towers = PerScenario(
            Tower(self.mlp_hidden_size[-1], self.tower_hidden_size, self.dropout_prob)
            for _ in range(S)
        )

        # parameters initialization
        self.apply(init_weights)

    def score(self, x: torch.Tensor, scenario: torch.Tensor) -> torch.Tensor:
        """Logits, shape ``(B,)``."""
        stitched = x.expand(self.n_scenarios, *x.shape)  # (S, B, D)
        for layer, stitch in zip(self.layers, self.stitches, strict=True):
            h = torch.stack([net(rows) for net, rows in zip(layer, stitched, strict=True)])
            if layer is not self.layers[-1]:
                stitched = torch.einsum("kj,jbh->kbh", stitch, h)  # (S, B, H)
        own = torch.einsum("bj,jbh->bh", self.stitches[-1][scenario], h)  # (B, H)
        return self.towers(own, ScenarioGroups(scenario, self.n_scenarios))
