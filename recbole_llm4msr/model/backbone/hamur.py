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

from recbole_llm4msr.model.arithmetic import each_times
from recbole_llm4msr.model.base import MultiScenarioRecommender
from recbole_llm4msr.model.layers import ScenarioGroups, init_weights, mlp
from recbole_llm4msr.model.registry import register_backbone


class DomainNorm(nn.Module):
    r"""Batch normalisation of the rows of one scenario.

    .. math:: \gamma_s \otimes \frac{z - \mu_s}{\sqrt{\sigma_s^2 + \epsilon}} + \beta_s

    In evaluation the statistics are the running ones. Fewer than two rows of the scenario in a
    training batch have no variance, and are normalised by the running statistics too. (PyTorch's
    own layer refuses them, and in a distributed run would wait for other processes that may have
    no row of the scenario.)

    Args:
        size: Width of the rows.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(size))
        self.beta = nn.Parameter(torch.zeros(size))
        self.register_buffer("running_mean", torch.zeros(size))
        self.register_buffer("running_var", torch.ones(size))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """``(B_s, size) -> (B_s, size)``."""
        use_batch = self.training and len(z) > 1
        mean, var = self.running_mean, self.running_var
        return F.batch_norm(z, mean, var, self.gamma, self.beta, training=use_batch)


class HyperAdapter(nn.Module):
    r"""A scenario's bottleneck with a short cut, its weights of low rank and made for a row.

    .. math::
        h + \mathrm{DN}_s(W^{up} \sigma(W^{down} h + b_s^{down}) + b_s^{up}), \qquad
        W = V_s I(x)\, U_s

    The product is taken from the right, so that no matrix of the layer's size is made for a row.

    Args:
        size: Width of the layer that is adapted, H.
        adapter_size: Width of the bottleneck, A.
        rank: Rank k of the generated weights.
    """

    def __init__(self, size: int, adapter_size: int, rank: int) -> None:
        super().__init__()
        self.down_in = nn.Linear(size, rank, bias=False)  # U of the way down
        self.down_out = nn.Linear(rank, adapter_size)  # V of it
        self.up_in = nn.Linear(adapter_size, rank, bias=False)
        self.up_out = nn.Linear(rank, size)
        self.norm = DomainNorm(size)

    def forward(self, h: torch.Tensor, core: torch.Tensor) -> torch.Tensor:
        """Adapt rows ``h`` (B_s, H) by their ``core`` I(x), shape ``(B_s, k, k)``."""
        z = each_times(core, self.down_in(h))  # (B_s, k)
        z = torch.sigmoid(self.down_out(z))  # (B_s, A)
        z = each_times(core, self.up_in(z))  # (B_s, k)
        return h + self.norm(self.up_out(z))


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
        self.adapters = nn.ModuleList(  # by scenario, then by layer
            nn.ModuleList(
                HyperAdapter(size, config["adapter_size"], self.rank) for size in sizes[plain:]
            )
            for _ in range(self.n_scenarios)
        )
        self.logit = nn.Linear(sizes[-1], 1)
        self.dropout = nn.Dropout(self.dropout_prob)

        # parameters initialization
        self.apply(init_weights)

    def score(self, x: torch.Tensor, scenario: torch.Tensor) -> torch.Tensor:
        """Logits, shape ``(B,)``."""
        core = self.hyper(x).view(-1, self.rank, self.rank)  # (B, k, k)
        groups = ScenarioGroups(scenario, self.n_scenarios)
        rows = zip(self.adapters, groups.split(self.bottom(x)), groups.split(core), strict=True)
        h = groups.merge(self.adapted(*of_scenario) for of_scenario in rows)
        return self.logit(h).squeeze(-1)

    def adapted(self, adapters: nn.ModuleList, h: torch.Tensor, core: torch.Tensor) -> torch.Tensor:
        """The adapted layers on the rows of a scenario, ``(B_s, I) -> (B_s, H)``."""
        for layer, adapter in zip(self.layers, adapters, strict=True):
            h = adapter(torch.relu(layer(self.dropout(h))), core)
        return h
