r"""HAMUR: scenario-specific adapters whose inner weights a shared hyper network makes for a row.

Reference:
    Xiaopeng Li et al. "HAMUR: Hyper Adapter for Multi-Domain Recommendation." CIKM 2023.
    https://arxiv.org/abs/2309.06217
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from recbole_llm4msr.model.base import MultiScenarioRecommender
from recbole_llm4msr.model.layers import ScenarioGroups, init_weights, mlp
from recbole_llm4msr.model.registry import register_backbone


class DomainNorm(nn.Module):
    r"""Batch normalisation of an adapter's output, statistics and affine part by scenario.

    .. math:: \gamma_s \otimes \frac{z - \mu_s}{\sqrt{\sigma_s^2 + \epsilon}} + \beta_s

    In evaluation the statistics are the running ones. Fewer than two rows of a scenario in a
    training batch have no variance, and are normalised by the running statistics too.

    Args:
        n_scenarios: Number of scenarios, S.
        size: Width of the rows.
    """

    def __init__(self, n_scenarios: int, size: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(n_scenarios, size))
        self.beta = nn.Parameter(torch.zeros(n_scenarios, size))
        self.register_buffer("running_mean", torch.zeros(n_scenarios, size))
        self.register_buffer("running_var", torch.ones(n_scenarios, size))

    def forward(self, z: torch.Tensor, s: int) -> torch.Tensor:
        """Normalise the rows ``z`` of scenario ``s``: ``(B_s, size) -> (B_s, size)``."""
        use_batch = self.training and len(z) > 1
        mean, var = self.running_mean[s], self.running_var[s]  # views, updated in place
        return F.batch_norm(z, mean, var, self.gamma[s], self.beta[s], training=use_batch)


class HyperAdapter(nn.Module):
    r"""A bottleneck with a short cut, its weights of low rank and made for a row.

    .. math::
        h + \mathrm{DN}_s(W^{up} \sigma(W^{down} h + b_s^{down}) + b_s^{up}), \qquad
        W = V_s I(x)\, U_s

    The product is taken from the right, so that no matrix of the layer's size is made for a row.

    Args:
        n_scenarios: Number of scenarios, S.
        size: Width of the layer that is adapted, H.
        adapter_size: Width of the bottleneck, A.
        rank: Rank k of the generated weights.
    """

    def __init__(self, n_scenarios: int, size: int, adapter_size: int, rank: int) -> None:
        super().__init__()
        self.down_in = nn.Parameter(torch.empty(n_scenarios, rank, size))  # U of the down part
        self.down_out = nn.Parameter(torch.empty(n_scenarios, adapter_size, rank))  # V of it
        self.up_in = nn.Parameter(torch.empty(n_scenarios, rank, adapter_size))
        self.up_out = nn.Parameter(torch.empty(n_scenarios, size, rank))
        self.down_bias = nn.Parameter(torch.zeros(n_scenarios, adapter_size))
        self.up_bias = nn.Parameter(torch.zeros(n_scenarios, size))
        self.norm = DomainNorm(n_scenarios, size)
        for factor in (self.down_in, self.down_out, self.up_in, self.up_out):
            for matrix in factor.data:
                nn.init.xavier_normal_(matrix)

    def forward(self, h: torch.Tensor, core: torch.Tensor, s: int) -> torch.Tensor:
        """Adapt rows ``h`` (B_s, H) of scenario ``s`` by their ``core`` (B_s, k, k)."""
        z = torch.bmm(core, F.linear(h, self.down_in[s]).unsqueeze(-1)).squeeze(-1)  # (B_s, k)
        z = torch.sigmoid(F.linear(z, self.down_out[s], self.down_bias[s]))  # (B_s, A)
        z = torch.bmm(core, F.linear(z, self.up_in[s]).unsqueeze(-1)).squeeze(-1)
        return h + self.norm(F.linear(z, self.up_out[s], self.up_bias[s]), s)


@register_backbone
class HAMUR(MultiScenarioRecommender):
    r"""A network for all scenarios with a scenario's adapters behind its last hidden layers.

    .. math:: I(x) = \mathrm{reshape}(\mathrm{hyper}(x)) \in R^{k \times k}

    The hyper network runs once a batch; all adapters share its output. Adapted: the backbone is
    one MLP without batch normalisation, since the scenarios are the adapters' business.

    Raises:
        ValueError: There are more adapters than hidden layers.
    """

    def __init__(self, config, dataset) -> None:
        super().__init__(config, dataset)

        # load parameters info
        self.mlp_hidden_size = config["mlp_hidden_size"]
        self.hyper_hidden_size = config["hyper_hidden_size"]
        self.rank = config["hyper_rank"]
        self.n_adapters = config["n_adapters"]
        self.dropout_prob = config["dropout_prob"]
        if not 1 <= self.n_adapters <= len(self.mlp_hidden_size):
            raise ValueError(
                f"n_adapters: {self.n_adapters} is not between 1 and the "
                f"{len(self.mlp_hidden_size)} layers of mlp_hidden_size"
            )

        # define layers and loss
        sizes = [self.input_size, *self.mlp_hidden_size]
        plain = len(sizes) - self.n_adapters  # the sizes below the first adapted layer's own
        self.bottom = mlp(sizes[:plain], self.dropout_prob)
        self.layers = nn.ModuleList(nn.Linear(i, o) for i, o in pairwise(sizes[plain - 1 :]))
        self.hyper = nn.Sequential(
            mlp([self.input_size, *self.hyper_hidden_size], self.dropout_prob),
            nn.Linear([self.input_size, *self.hyper_hidden_size][-1], self.rank**2),
        )
        self.adapters = nn.ModuleList(
            HyperAdapter(self.n_scenarios, size, config["adapter_size"], self.rank)
            for size in sizes[plain:]
        )
        self.logit = nn.Linear(sizes[-1], 1)
        self.dropout = nn.Dropout(self.dropout_prob)

        # parameters initialization
        self.apply(init_weights)

    def score(self, x: torch.Tensor, scenario: torch.Tensor) -> torch.Tensor:
        """Logits, shape ``(B,)``."""
        core = self.hyper(x).view(-1, self.rank, self.rank)  # (B, k, k)
        groups = ScenarioGroups(scenario, self.n_scenarios)
        parts = []
        rows = zip(groups.split(self.bottom(x)), groups.split(core), strict=True)
        for s, (h, core_s) in enumerate(rows):
            if len(h):
                for layer, adapter in zip(self.layers, self.adapters, strict=True):
                    h = adapter(torch.relu(layer(self.dropout(h))), core_s, s)
                parts.append(self.logit(h).squeeze(-1))
            else:
                # Keeps the graph whole where a batch has no row of this scenario.
                parts.append(h.sum(dim=1))
        return groups.merge(parts)
