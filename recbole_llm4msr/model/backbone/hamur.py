r"""HAMUR: networks of the scenarios, adapted by layers that a shared hyper network makes for a row.

Reference:
    Xiaopeng Li et al. "HAMUR: Hyper Adapter for Multi-Domain Recommendation." CIKM 2023.
    https://arxiv.org/abs/2309.06217
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from recbole_llm4msr.model.base import MultiScenarioRecommender
from recbole_llm4msr.model.layers.kernels import matrix_per_row_times
from recbole_llm4msr.model.layers.mlp import ScenarioGroups, init_weights
from recbole_llm4msr.model.registry import register_backbone


class Statistics(nn.Module):
    r"""Normalise rows by their mean and variance, without an affine part of its own.

    In evaluation the statistics are the running ones. Fewer than two rows in a training batch
    have no variance, and are normalised by the running statistics too. (PyTorch's own layer
    refuses them, and in a distributed run would wait for other processes that may have no such
    row.)

    Args:
        size: Width of the rows.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(size))
        self.register_buffer("running_var", torch.ones(size))

    def forward(self, z: torch.Tensor, gamma: torch.Tensor, beta: torch.Tensor) -> torch.Tensor:
        r""":math:`\gamma \otimes (z - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta`, ``(B, size)``."""
        use_batch = self.training and len(z) > 1
        mean, var = self.running_mean, self.running_var
        return F.batch_norm(z, mean, var, gamma, beta, training=use_batch)


class HiddenLayer(nn.Module):
    """A linear layer, batch normalisation if it is asked for, and a ReLU."""

    def __init__(self, in_size: int, out_size: int, batch_norm: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(in_size, out_size)
        self.batch_norm = batch_norm
        if batch_norm:
            self.gamma = nn.Parameter(torch.ones(out_size))
            self.beta = nn.Parameter(torch.zeros(out_size))
            self.statistics = Statistics(out_size)

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        """``(B, in_size) -> (B, out_size)``."""
        z = self.linear(h)
        return torch.relu(self.statistics(z, self.gamma, self.beta) if self.batch_norm else z)


def network(sizes: Sequence[int], dropout: float, batch_norm: bool) -> nn.Sequential:
    """Layers over ``sizes``, each with dropout before it."""
    return nn.Sequential(
        *(
            nn.Sequential(nn.Dropout(dropout), HiddenLayer(i, o, batch_norm))
            for i, o in pairwise(sizes)
        )
    )


class HyperAdapter(nn.Module):
    r"""A bottleneck with a short cut, its weights of low rank and made for a row.

    .. math::
        h + \mathrm{DN}_s(W^{up} \sigma(W^{down} h + b^{down}) + b^{up}), \qquad
        W = V I(x)\, U

    :math:`\mathrm{DN}_s` normalises by the statistics of the row's scenario. The product is taken
    from the right, so that no matrix of the layer's size is made for a row.

    Args:
        n_scenarios: Number of scenarios, S.
        size: Width of the layer that is adapted, H.
        adapter_size: Width of the bottleneck, A.
        rank: Rank k of the generated weights.
    """

    def __init__(self, n_scenarios: int, size: int, adapter_size: int, rank: int) -> None:
        super().__init__()
        self.down_in = nn.Linear(size, rank, bias=False)  # U of the way down
        self.down_out = nn.Linear(rank, adapter_size)  # V of it
        self.up_in = nn.Linear(adapter_size, rank, bias=False)
        self.up_out = nn.Linear(rank, size)
        self.gamma = nn.Parameter(torch.ones(size))
        self.beta = nn.Parameter(torch.zeros(size))
        self.statistics = nn.ModuleList(Statistics(size) for _ in range(n_scenarios))

    def forward(self, h: torch.Tensor, core: torch.Tensor, s: int) -> torch.Tensor:
        """Adapt rows ``h`` (B_s, H) of scenario s by their ``core`` I(x), ``(B_s, k, k)``."""
        z = matrix_per_row_times(core, self.down_in(h))  # (B_s, k)
        z = torch.sigmoid(self.down_out(z))  # (B_s, A)
        z = matrix_per_row_times(core, self.up_in(z))  # (B_s, k)
        return h + self.statistics[s](self.up_out(z), self.gamma, self.beta)


@register_backbone
class HAMUR(MultiScenarioRecommender):
    r"""A network for every scenario with shared adapters behind its last hidden layers.

    .. math:: I(x) = \mathrm{reshape}(\mathrm{hyper}(x)) \in R^{k \times k}

    What is a scenario's own and what is shared is as in the authors' code: a scenario has its
    network and the statistics of its domain normalisation; the hyper network, which runs once a
    batch, and all parameters of the adapters are shared.

    Adapted: ``batch_norm`` is what the authors' networks have in front of every ReLU, a scenario's
    by the statistics of its rows and the hyper network by those of all rows. The authors start U
    and V at one, which makes all weights of a row alike and so large that the sigmoids are flat;
    here they start as every other layer.

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
        self.batch_norm = config["batch_norm"]
        self.dropout_prob = config["dropout_prob"]
        if not 1 <= self.n_adapters <= len(self.mlp_hidden_size):
            raise ValueError(
                f"n_adapters: {self.n_adapters} is not between 1 and the "
                f"{len(self.mlp_hidden_size)} layers of mlp_hidden_size"
            )

        # define layers and loss
        sizes = [self.input_size, *self.mlp_hidden_size]
        self.networks = nn.ModuleList(
            network(sizes, self.dropout_prob, self.batch_norm) for _ in range(self.n_scenarios)
        )
        self.logits = nn.ModuleList(nn.Linear(sizes[-1], 1) for _ in range(self.n_scenarios))
        hyper_sizes = [self.input_size, *self.hyper_hidden_size, self.rank**2]
        self.hyper = network(hyper_sizes, self.dropout_prob, self.batch_norm)
        self.adapters = nn.ModuleList(
            HyperAdapter(self.n_scenarios, size, config["adapter_size"], self.rank)
            for size in sizes[-self.n_adapters :]
        )

        # parameters initialization
        self.apply(init_weights)

    def score(self, x: torch.Tensor, scenario: torch.Tensor) -> torch.Tensor:
        """Logits, shape ``(B,)``."""
        core = self.hyper(x).view(-1, self.rank, self.rank)  # (B, k, k)
        groups = ScenarioGroups(scenario, self.n_scenarios)
        rows = zip(groups.split(x), groups.split(core), strict=True)
        return groups.merge(self.adapted(s, *of_scenario) for s, of_scenario in enumerate(rows))

    def adapted(self, s: int, h: torch.Tensor, core: torch.Tensor) -> torch.Tensor:
        """Logits of the rows ``h`` (B_s, input_size) of scenario s, shape ``(B_s,)``."""
        n_plain = len(self.mlp_hidden_size) - self.n_adapters
        for i, layer in enumerate(self.networks[s]):
            h = layer(h)
            if i >= n_plain:
                h = self.adapters[i - n_plain](h, core, s)
        return self.logits[s](h).squeeze(-1)
