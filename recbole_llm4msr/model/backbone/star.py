r"""STAR: a star topology of one shared and one specific network per scenario.

Reference:
    Xiang-Rong Sheng et al. "One Model to Serve All: Star Topology Adaptive Recommender for
    Multi-Domain CTR Prediction." CIKM 2021. https://arxiv.org/abs/2101.11427
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from recbole_llm4msr.model.base import MultiScenarioRecommender
from recbole_llm4msr.model.layers.mlp import ScenarioGroups, Tower, init_weights
from recbole_llm4msr.model.registry import register_backbone


class PartitionedNorm(nn.Module):
    r"""Batch normalisation with statistics and an affine part per scenario (STAR, section 3.3).

    .. math::
        z' = (\gamma \gamma_s) \frac{z - \mu_s}{\sqrt{\sigma_s^2 + \epsilon}} + (\beta + \beta_s)

    While training, :math:`\mu_s, \sigma_s^2` are those of the scenario's rows in the batch and
    move the running ones; in evaluation they are the running ones, so that a row's value does not
    depend on its neighbours. A scenario with fewer than two rows in a training batch has no
    variance to speak of: its rows are normalised by the running statistics.

    Args:
        n_scenarios: Number of scenarios, S.
        size: Width of the rows, D.
        momentum: Weight of the newest batch in the running statistics.
        eps: Added to the variance.
    """

    def __init__(
        self, n_scenarios: int, size: int, momentum: float = 0.1, eps: float = 1e-5
    ) -> None:
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.gamma = nn.Parameter(torch.ones(size))
        self.beta = nn.Parameter(torch.zeros(size))
        self.gamma_s = nn.Parameter(torch.ones(n_scenarios, size))
        self.beta_s = nn.Parameter(torch.zeros(n_scenarios, size))
        self.register_buffer("running_mean", torch.zeros(n_scenarios, size))
        self.register_buffer("running_var", torch.ones(n_scenarios, size))

    def forward(self, parts: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Normalise the rows of every scenario: S tensors ``(B_s, D) -> (B_s, D)``."""
        return [
            F.batch_norm(
                z,
                mean,  # a view: F.batch_norm updates the buffer's row in place
                variance,
                weight=weight,
                bias=bias,
                training=self.training and len(z) > 1,
                momentum=self.momentum,
                eps=self.eps,
            )
            for z, mean, variance, weight, bias in zip(
                parts,
                self.running_mean,
                self.running_var,
                (self.gamma * self.gamma_s).unbind(),
                (self.beta + self.beta_s).unbind(),
                strict=True,
            )
        ]


class StarLinear(nn.Module):
    r"""A linear layer whose weight is shared times specific (STAR, equations 5 and 6).

    .. math::
        W_s^\star = W_s \otimes W, \qquad b_s^\star = b_s + b

    The specific weights start at one and the specific biases at zero, so that all scenarios begin
    as the shared network.

    Args:
        n_scenarios: Number of scenarios, S.
        in_size: Width of the input.
        out_size: Width of the output.
    """

    def __init__(self, n_scenarios: int, in_size: int, out_size: int) -> None:
        super().__init__()
        self.shared = nn.Linear(in_size, out_size)
        self.weight_s = nn.Parameter(torch.ones(n_scenarios, out_size, in_size))
        self.bias_s = nn.Parameter(torch.zeros(n_scenarios, out_size))

    def forward(self, parts: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Run the rows of every scenario: S tensors ``(B_s, in_size) -> (B_s, out_size)``."""
        # Unbound once: a gradient through weight_s[s] would be a full tensor for every scenario.
        weights = (self.shared.weight * self.weight_s).unbind()
        biases = (self.shared.bias + self.bias_s).unbind()
        return [F.linear(x, w, b) for x, w, b in zip(parts, weights, biases, strict=True)]


class StarNetwork(nn.ModuleList):
    """Star layers with ReLU between them; the last has one output, the logit.

    Args:
        n_scenarios: Number of scenarios, S.
        sizes: Widths of the input and the hidden layers.
        dropout: Dropout probability on what every layer but the last reads.
    """

    def __init__(self, n_scenarios: int, sizes: Sequence[int], dropout: float) -> None:
        super().__init__(StarLinear(n_scenarios, i, o) for i, o in pairwise([*sizes, 1]))
        self.dropout = dropout

    def forward(self, parts: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Logits of the rows of every scenario: S tensors ``(B_s, D) -> (B_s,)``."""
        *hidden, last = self
        for layer in hidden:
            read = [F.dropout(x, self.dropout, self.training) for x in parts]
            parts = [torch.relu(h) for h in layer(read)]
        return [logit.squeeze(-1) for logit in last(parts)]


@register_backbone
class STAR(MultiScenarioRecommender):
    r"""Star Topology Adaptive Recommender.

    .. math::
        \mathrm{logit} = \mathrm{FCN}_s^\star(\mathrm{PN}_s(x)) + \mathrm{aux}([x, e_s])

    where :math:`\mathrm{FCN}_s^\star` has the weights :math:`W_s \otimes W` in every layer,
    :math:`\mathrm{PN}_s` is the partitioned normalisation, and the auxiliary network reads the row
    with an embedding :math:`e_s` of its scenario. The last layer has neither
    normalisation nor an activation: its output is the logit.
    """

    def __init__(self, config, dataset) -> None:
        super().__init__(config, dataset)

        # load parameters info
        self.mlp_hidden_size = config["mlp_hidden_size"]
        self.aux_hidden_size = config["aux_hidden_size"]
        self.dropout_prob = config["dropout_prob"]

        # define layers and loss
        self.norm = (
            PartitionedNorm(self.n_scenarios, self.input_size)
            if config["partitioned_norm"]
            else None
        )
        self.star = StarNetwork(
            self.n_scenarios, [self.input_size, *self.mlp_hidden_size], self.dropout_prob
        )
        self.scenario_embedding = nn.Embedding(self.n_scenarios, self.embedding_size)
        self.aux = Tower(
            self.input_size + self.embedding_size, self.aux_hidden_size, self.dropout_prob
        )

        # parameters initialization
        self.apply(init_weights)

    def score(self, x: torch.Tensor, scenario: torch.Tensor) -> torch.Tensor:
        """Logits, shape ``(B,)``."""
        groups = ScenarioGroups(scenario, self.n_scenarios)
        parts = groups.split(x)
        main = groups.merge(self.star(parts if self.norm is None else self.norm(parts)))
        aux = self.aux(torch.cat([x, self.scenario_embedding(scenario)], dim=-1))
        return main + aux
