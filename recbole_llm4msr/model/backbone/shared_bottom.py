r"""SharedBottom: one bottom network for all scenarios, one tower for each.

Reference:
    Rich Caruana. "Multitask Learning." Machine Learning 28, 1997.
"""

from __future__ import annotations

import torch

from recbole_llm4msr.model.base import MultiScenarioRecommender
from recbole_llm4msr.model.layers.mlp import ScenarioGroups, Tower, init_weights, mlp
from recbole_llm4msr.model.registry import register_backbone


@register_backbone
class SharedBottom(MultiScenarioRecommender):
    r"""Hard parameter sharing, with a scenario in the place of a task.

    .. math::
        h = \mathrm{MLP}_{shared}(x), \qquad \mathrm{logit} = t_s(h)

    where :math:`t_s` is the tower of the row's scenario :math:`s`.
    """

    def __init__(self, config, dataset) -> None:
        super().__init__(config, dataset)

        # load parameters info
        self.mlp_hidden_size = config["mlp_hidden_size"]
        self.tower_hidden_size = config["tower_hidden_size"]
        self.dropout_prob = config["dropout_prob"]

        # define layers and loss
        self.bottom = mlp([self.input_size, *self.mlp_hidden_size], self.dropout_prob)
        width = self.mlp_hidden_size[-1]
        self.towers = torch.nn.ModuleList(
            Tower(width, self.tower_hidden_size, self.dropout_prob) for _ in range(self.n_scenarios)
        )

        # parameters initialization
        self.apply(init_weights)

    def score(self, x: torch.Tensor, scenario: torch.Tensor) -> torch.Tensor:
        """Logits, shape ``(B,)``."""
        h = self.bottom(x)  # (B, H)
        groups = ScenarioGroups(scenario, self.n_scenarios)
        return groups.merge(t(rows) for t, rows in zip(self.towers, groups.split(h), strict=True))
