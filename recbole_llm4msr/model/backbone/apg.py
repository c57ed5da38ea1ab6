r"""APG: the core of every layer's low-rank weight is generated from the scenario.

Reference:
    Bencheng Yan et al. "APG: Adaptive Parameter Generation Network for Click-Through Rate
    Prediction." NeurIPS 2022. https://arxiv.org/abs/2203.16218
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from recbole_llm4msr.model.base import MultiScenarioRecommender
from recbole_llm4msr.model.layers.mlp import ScenarioGroups, init_weights
from recbole_llm4msr.model.registry import register_backbone


class SharedFactor(nn.Module):
    r"""A matrix all scenarios share, over-parameterised as a product where asked.

    .. math:: V = V^r V^l, \qquad V^l \in R^{p \times i},\; V^r \in R^{o \times p}

    The inner width p exceeds the matrix's rank: more to train, nothing more to express.

    Args:
        in_size: Width of the input.
        out_size: Width of the output.
        inner_size: Inner width p; 0 for a plain matrix.
    """

    def __init__(self, in_size: int, out_size: int, inner_size: int) -> None:
        super().__init__()
        sizes = [in_size, inner_size, out_size] if inner_size else [in_size, out_size]
        self.factors = nn.ModuleList(nn.Linear(i, o, bias=False) for i, o in pairwise(sizes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(B, in_size) -> (B, out_size)``."""
        weight = self.factors[0].weight
        for factor in self.factors[1:]:
            weight = factor.weight @ weight  # folded first: the rows see one matrix
        return F.linear(x, weight)


class GeneratedLinear(nn.Module):
    r"""A linear layer of rank r with a generated core.

    .. math:: y = U(S(z_s)(V x)) + b, \qquad S(z_s) = \mathrm{reshape}(G z_s + g)

    Fed forward from the right, so that the full matrix is never made. The core starts near the
    identity.

    Args:
        in_size: Width of the input.
        out_size: Width of the output.
        condition_size: Width of the condition z.
        rank: Rank r.
        inner_size: Inner width of the over-parameterised U and V; 0 for none.
    """

    def __init__(
        self, in_size: int, out_size: int, condition_size: int, rank: int, inner_size: int
    ) -> None:
        super().__init__()
        self.rank = rank
        self.down = SharedFactor(in_size, rank, inner_size)  # V
        self.up = SharedFactor(rank, out_size, inner_size)  # U
        self.core = nn.Linear(condition_size, rank * rank)
        self.bias = nn.Parameter(torch.zeros(out_size))

    def reset_parameters(self) -> None:
        """Let the core start near the identity."""
        self.core.bias.data.copy_(torch.eye(self.rank).flatten())

    def forward(
        self, x: torch.Tensor, condition: torch.Tensor, groups: ScenarioGroups
    ) -> torch.Tensor:
        """``(B, in_size) -> (B, out_size)`` under the scenarios' ``condition`` (S, C)."""
        core = self.core(condition).view(-1, self.rank, self.rank)  # (S, r, r), once a batch
        rows = groups.split(self.down(x))
        z = groups.merge(F.linear(part, core[s]) for s, part in enumerate(rows))  # (B, r)
        return self.up(z) + self.bias


@register_backbone
class APG(MultiScenarioRecommender):
    r"""An MLP whose hidden layers have generated parameters.

    .. math:: h^{(l+1)} = \mathrm{ReLU}(U^{(l)} S^{(l)}(z_s) V^{(l)} h^{(l)} + b^{(l)})

    The condition :math:`z_s` is an embedding of the scenario: the paper's group-wise strategy
    with the scenario as the group, so that a core is made per scenario and not per
    row. The layer that makes the logit is a plain one. Over-parameterisation is an option, and off
    by default: a layer is then a product of five matrices, too quick for usual learning rates.
    """

    def __init__(self, config, dataset) -> None:
        super().__init__(config, dataset)

        # load parameters info
        self.mlp_hidden_size = config["mlp_hidden_size"]
        self.dropout_prob = config["dropout_prob"]
        self.rank = config["generated_rank"]
        self.inner_size = config["overparameterized_size"]

        # define layers and loss
        sizes = [self.input_size, *self.mlp_hidden_size]
        self.scenario_embedding = nn.Embedding(self.n_scenarios, self.embedding_size)
        self.layers = nn.ModuleList(
            GeneratedLinear(i, o, self.embedding_size, self.rank, self.inner_size)
            for i, o in pairwise(sizes)
        )
        self.dropout = nn.Dropout(self.dropout_prob)
        self.logit = nn.Linear(sizes[-1], 1)

        # parameters initialization
        self.apply(init_weights)
        for layer in self.layers:
            layer.reset_parameters()

    def score(self, x: torch.Tensor, scenario: torch.Tensor) -> torch.Tensor:
        """Logits, shape ``(B,)``."""
        groups = ScenarioGroups(scenario, self.n_scenarios)
        h = x
        for layer in self.layers:
            h = torch.relu(layer(self.dropout(h), self.scenario_embedding.weight, groups))
        return self.logit(h).squeeze(-1)
