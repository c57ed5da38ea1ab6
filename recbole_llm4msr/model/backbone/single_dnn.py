"""SingleDNN: one network for all scenarios, the first of the two baselines of every comparison."""

from __future__ import annotations

import torch

from recbole_llm4msr.model.base import MultiScenarioRecommender
from recbole_llm4msr.model.layers.mlp import Tower, init_weights
from recbole_llm4msr.model.registry import register_backbone


@register_backbone
class SingleDNN(MultiScenarioRecommender):
    r"""One multi-layer perceptron on the rows of all scenarios.

    .. math:: \mathrm{logit} = \mathrm{MLP}(x)

    The scenario is a token field of the row like any other, so that its embedding is part of
    :math:`x`: the network knows the scenario as a feature, and as nothing else.
    """

    def __init__(self, config, dataset) -> None:
        super().__init__(config, dataset)

        # load parameters info
        self.mlp_hidden_size = config["mlp_hidden_size"]
        self.dropout_prob = config["dropout_prob"]

        # define layers and loss
        self.network = Tower(self.input_size, self.mlp_hidden_size, self.dropout_prob)

        # parameters initialization
        self.apply(init_weights)

    def score(self, x: torch.Tensor, scenario: torch.Tensor) -> torch.Tensor:
        """Logits, shape ``(B,)``."""
        return self.network(x)
