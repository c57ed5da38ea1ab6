"""SeparateDNN: a network for each scenario, the second of the two baselines of every comparison."""

from __future__ import annotations

import torch

from recbole_llm4msr.model.base import MultiScenarioRecommender
from recbole_llm4msr.model.layers.mlp import PerScenario, ScenarioGroups, Tower, init_weights
from recbole_llm4msr.model.registry import register_backbone


@register_backbone
class SeparateDNN(MultiScenarioRecommender):
    r"""A multi-layer perceptron per scenario, on embeddings that all scenarios share.

    .. math:: \mathrm{logit} = \mathrm{MLP}_s(x)

    Nothing but the embeddings goes from one scenario to another. For models that do not even share
    these, train SingleDNN on the rows of each scenario alone.
    """

    def __init__(self, config, dataset) -> None:
        super().__init__(config, dataset)

        # load parameters info
        self.mlp_hidden_size = config["mlp_hidden_size"]
        self.dropout_prob = config["dropout_prob"]

        # define layers and loss
        self.networks = PerScenario(
            Tower(self.input_size, self.mlp_hidden_size, self.dropout_prob)
            for _ in range(self.n_scenarios)
        )

        # parameters initialization
        self.apply(init_weights)

    def score(self, x: torch.Tensor, scenario: torch.Tensor) -> torch.Tensor:
        """Logits, shape ``(B,)``."""
        return self.networks(x, ScenarioGroups(scenario, self.n_scenarios))
