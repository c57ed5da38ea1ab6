r"""ADL: a shared network for what clusters have in common, one each for what they have not.

Reference:
    Jinyun Li et al. "ADL: Adaptive Distribution Learning Framework for Multi-Scenario CTR
    Prediction." SIGIR 2023. https://doi.org/10.1145/3539618.3591944
"""

from __future__ import annotations

import torch

from recbole_llm4msr.model.base import MultiScenarioRecommender
from recbole_llm4msr.model.layers.mlp import PerScenario, ScenarioGroups, Tower, init_weights
from recbole_llm4msr.model.layers.routing import ClusterRouting
from recbole_llm4msr.model.registry import register_backbone


@register_backbone
class ADL(MultiScenarioRecommender):
    r"""Adaptive Distribution Learning: rows are routed into clusters, not into given scenarios.

    .. math:: j = \arg\max_j r_j(x), \qquad \mathrm{logit} = t(x) + t_j(x)

    The shared network t runs every row, the network :math:`t_j` of a cluster the rows routed
    there. The scenario is a field of the row, and so part of what is clustered. The routing is
    that of AdaptDHM, by the same authors
    (:class:`~recbole_llm4msr.model.layers.routing.ClusterRouting`); where AdaptDHM multiplies
    shared and specific weights, the two networks here are added. That sum is our reading of the
    paper's "commonalities and distinctions": its short format leaves the fusion open.
    """

    def __init__(self, config, dataset) -> None:
        super().__init__(config, dataset)

        # load parameters info
        self.mlp_hidden_size = config["mlp_hidden_size"]
        self.dropout_prob = config["dropout_prob"]
        self.n_clusters = config["n_clusters"]

        # define layers and loss
        self.routing = ClusterRouting(config, self.input_size)
        self.shared = Tower(self.input_size, self.mlp_hidden_size, self.dropout_prob)
        self.towers = PerScenario(  # a cluster in the place of a scenario
            Tower(self.input_size, self.mlp_hidden_size, self.dropout_prob)
            for _ in range(self.n_clusters)
        )

        # parameters initialization
        self.apply(init_weights)

    def score(self, x: torch.Tensor, scenario: torch.Tensor) -> torch.Tensor:
        """Logits, shape ``(B,)``."""
        groups = ScenarioGroups(self.routing(x), self.n_clusters, is_computed=True)
        return self.shared(x) + self.towers(x, groups)
