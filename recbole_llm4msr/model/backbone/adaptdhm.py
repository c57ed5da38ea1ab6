r"""AdaptDHM: clusters found by routing take the place of scenarios given by hand.

Reference:
    Jinyun Li et al. "AdaptDHM: Adaptive Distribution Hierarchical Model for Multi-Domain CTR
    Prediction." 2022. https://arxiv.org/abs/2211.12105
"""

from __future__ import annotations

import torch

from recbole_llm4msr.model.backbone.star import StarNetwork
from recbole_llm4msr.model.base import MultiScenarioRecommender
from recbole_llm4msr.model.layers.mlp import ScenarioGroups, init_weights
from recbole_llm4msr.model.layers.routing import ClusterRouting
from recbole_llm4msr.model.registry import register_backbone


@register_backbone
class AdaptDHM(MultiScenarioRecommender):
    r"""A routing into clusters below a network whose weights are shared times the cluster's.

    .. math::
        j = \arg\max_j r_{ij}, \qquad
        h^{(l+1)} = \mathrm{ReLU}((W_j^{(l)} \otimes W^{(l)}) h^{(l)} + b_j^{(l)} + b^{(l)})

    A row runs its own cluster's network only. The scenario has no layers of its own: it is a field
    of the row, and so part of what is clustered. For the routing see
    :class:`~recbole_llm4msr.model.layers.routing.ClusterRouting`.
    """

    def __init__(self, config, dataset) -> None:
        super().__init__(config, dataset)

        # load parameters info
        self.mlp_hidden_size = config["mlp_hidden_size"]
        self.dropout_prob = config["dropout_prob"]
        self.n_clusters = config["n_clusters"]

        # define layers and loss
        self.routing = ClusterRouting(config, self.input_size)
        self.layers = StarNetwork(
            self.n_clusters, [self.input_size, *self.mlp_hidden_size], self.dropout_prob
        )

        # parameters initialization
        self.apply(init_weights)

    def score(self, x: torch.Tensor, scenario: torch.Tensor) -> torch.Tensor:
        """Logits, shape ``(B,)``."""
        groups = ScenarioGroups(self.routing(x), self.n_clusters, is_computed=True)
        return groups.merge(self.layers(groups.split(x)))
