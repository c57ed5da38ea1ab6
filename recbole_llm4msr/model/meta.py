r"""Meta networks: knowledge becomes the weights and biases of layers.

A meta network reads a knowledge vector once, into a small *code*; from the code, one head per meta
layer generates that layer's weight and bias. Three forms of the weight share one interface.

Reference:
    Yuhao Wang et al. "LLM4MSR: An LLM-Enhanced Paradigm for Multi-Scenario Recommendation."
    CIKM 2024. https://doi.org/10.1145/3627673.3679743
    Low rank, :math:`U S V`: Bencheng Yan et al. "APG: Adaptive Parameter Generation Network for
    Click-Through Rate Prediction." NeurIPS 2022. https://arxiv.org/abs/2203.16218
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from recbole_llm4msr.model.layers import tanh
from recbole_llm4msr.model.users import BatchUsers, generated_times, per_row


class KnowledgeEncoder(nn.Module):
    r"""The part of a meta network that its layers share: knowledge to code.

    .. math:: z = \mathrm{SiLU}(A k + a)

    Args:
        knowledge_size: Width of a knowledge vector, which is normalised already.
        code_size: Width of the code.
        dropout: Dropout probability on the code.
    """

    def __init__(self, knowledge_size: int, code_size: int, dropout: float) -> None:
        super().__init__()
        self.encode = nn.Sequential(
            nn.Linear(knowledge_size, code_size),
            nn.SiLU(),
            nn.Dropout(dropout),
        )
        nn.init.xavier_normal_(self.encode[0].weight)
        nn.init.zeros_(self.encode[0].bias)

    def forward(self, knowledge: torch.Tensor) -> torch.Tensor:
        """``(N, knowledge_size) -> (N, code_size)``."""
        return self.encode(knowledge)


class FullWeight(nn.Module):
    r"""A full generated matrix, :math:`W = \sum_k z_k T_k + T_0`, as in the paper.

    Row by row the product is re-ordered to :math:`\sum_k z_k (x T_k)`: the same number, without a
    matrix per row in memory. Where users have many rows each, a matrix per user is cheaper.

    Args:
        code_size: Width of the code z, K.
        size: Width of the rows, D (input and output).
        plan: Which of the two: ``rows``, ``users``, or ``auto``, the cheaper one.
    """

    def __init__(self, code_size: int, size: int, plan: str = "auto") -> None:
        super().__init__()
        self.size, self.plan = size, plan
        self.basis = nn.Parameter(torch.zeros(size, (code_size + 1) * size))

    def forward(
        self, x: torch.Tensor, code: torch.Tensor, users: BatchUsers | None = None
    ) -> torch.Tensor:
        """:math:`W(z)x` for every row: ``(B, D), (B or G, K) -> (B, D)``."""
        code = torch.cat([code, code.new_ones(len(code), 1)], dim=1)
        if users is not None and self._once_per_user(len(x), users):
            basis = self.basis.view(self.size, -1, self.size).transpose(0, 1)  # (K + 1, D, D)
            weight = (code @ basis.flatten(start_dim=1)).view(-1, self.size, self.size)  # (G, D, D)
            return users.unpad(users.pad(x) @ weight)
        if users is not None:
            code = users.spread(code)
        products = (x @ self.basis).view(len(x), -1, self.size)  # (B, K + 1, D)
        return torch.einsum("bk,bkd->bd", code, products)

    def _once_per_user(self, n_rows: int, users: BatchUsers) -> bool:
        """Whether a matrix per user takes fewer products than a row by row one, and no more room.

        In units of D x D: a matrix takes K + 1 to make and one for each row that is padded to it.
        """
        if self.plan != "auto":
            return self.plan == "users"
        n_terms = self.basis.shape[1] // self.size  # K + 1
        products = len(users) * (n_terms + users.longest)
        return products < n_rows * n_terms and len(users) * self.size <= n_rows * n_terms


class LowRankWeight(nn.Module):
    r"""A generated matrix of rank r, :math:`W = U S(z) V`; only :math:`S(z)` is generated.

    Args:
        code_size: Width of the code z, K.
        size: Width of the rows, D (input and output).
        rank: Rank r of the matrix.
    """

    def __init__(self, code_size: int, size: int, rank: int) -> None:
        super().__init__()
        self.down = nn.Linear(size, rank, bias=False)  # V
        self.up = nn.Linear(rank, size, bias=False)  # U
        self.core = nn.Linear(code_size, rank * rank)  # z -> S(z)
        nn.init.xavier_normal_(self.down.weight)
        nn.init.xavier_normal_(self.up.weight)
        nn.init.zeros_(self.core.weight)
        nn.init.zeros_(self.core.bias)

    def forward(
        self, x: torch.Tensor, code: torch.Tensor, users: BatchUsers | None = None
    ) -> torch.Tensor:
        """:math:`U S(z) V x` for every row: ``(B, D), (B or G, K) -> (B, D)``."""
        return self.up(generated_times(self.core, code, self.down(x), users))


class DiagonalWeight(nn.Module):
    r"""A generated diagonal, :math:`W = \mathrm{diag}(s(z))`: every width is scaled.

    Args:
        code_size: Width of the code z, K.
        size: Width of the rows, D (input and output).
    """

    def __init__(self, code_size: int, size: int) -> None:
        super().__init__()
        self.scale = nn.Linear(code_size, size)
        nn.init.zeros_(self.scale.weight)
        nn.init.zeros_(self.scale.bias)

    def forward(
        self, x: torch.Tensor, code: torch.Tensor, users: BatchUsers | None = None
    ) -> torch.Tensor:
        """:math:`s(z) \\odot x` for every row: ``(B, D), (B or G, K) -> (B, D)``."""
        return per_row(self.scale(code), users) * x


def generated_weight(
    meta_rank: int | str, code_size: int, size: int, plan: str = "auto"
) -> nn.Module:
    """Make the form of generated weight that ``meta_rank`` names: ``full``, ``diag`` or a rank.

    Raises:
        ValueError: ``meta_rank`` is none of the three.
    """
    if meta_rank == "full":
        return FullWeight(code_size, size, plan)
    if meta_rank == "diag":
        return DiagonalWeight(code_size, size)
    if isinstance(meta_rank, int) and meta_rank > 0:
        return LowRankWeight(code_size, size, meta_rank)
    raise ValueError(f"meta_rank: {meta_rank!r} is not `full`, `diag` or a rank (a whole number)")


class UserMetaLayer(nn.Module):
    r"""A residual layer whose weight and bias are a user's own.

    .. math:: x' = x + \tanh(W(z_u)\,x + b(z_u))

    The last layer of every generator starts at zero, and :math:`\tanh 0 = 0` with a slope of one:
    an untrained meta layer is the identity, and gradients reach it from the first step.

    Args:
        code_size: Width of the code, K.
        size: Width of the rows, D.
        meta_rank: Form of the generated weight, see :func:`generated_weight`.
        plan: How a full one is computed, see :class:`FullWeight`.
    """

    def __init__(self, code_size: int, size: int, meta_rank: int | str, plan: str) -> None:
        super().__init__()
        self.weight = generated_weight(meta_rank, code_size, size, plan)
        self.bias = nn.Linear(code_size, size)
        nn.init.zeros_(self.bias.weight)
        nn.init.zeros_(self.bias.bias)

    def forward(
        self, x: torch.Tensor, code: torch.Tensor, users: BatchUsers | None = None
    ) -> torch.Tensor:
        """``(B, D), (B or G, K) -> (B, D)``."""
        return x + tanh(self.weight(x, code, users) + per_row(self.bias(code), users))


class UserMetaNetwork(nn.Module):
    """User-level meta layers at the bottom of a backbone: ``(B, D) -> (B, D)``.

    Args:
        knowledge_size: Width of a user's knowledge vector.
        size: Width of the embedded rows, D.
        code_size: Width of the code.
        n_layers: Number of meta layers.
        meta_rank: Form of the generated weights.
        dropout: Dropout probability on the code.
        plan: How full ones are computed, see :class:`FullWeight`.
    """

    def __init__(
        self,
        knowledge_size: int,
        size: int,
        *,
        code_size: int,
        n_layers: int,
        meta_rank: int | str,
        dropout: float,
        plan: str = "auto",
    ) -> None:
        super().__init__()
        self.encoder = KnowledgeEncoder(knowledge_size, code_size, dropout)
        self.layers = nn.ModuleList(
            UserMetaLayer(code_size, size, meta_rank, plan) for _ in range(n_layers)
        )

    def forward(
        self, x: torch.Tensor, knowledge: torch.Tensor, users: BatchUsers | None = None
    ) -> torch.Tensor:
        """Send rows ``x`` (B, D) through the layers that knowledge makes.

        Args:
            x: Rows, shape ``(B, D)``.
            knowledge: A vector per row, shape ``(B, d)``, or per user of ``users``, ``(G, d)``.
            users: The users of the batch.
        """
        code = self.encoder(knowledge)
        for layer in self.layers:
            x = layer(x, code, users)
        return x


class ScenarioMetaNetwork(nn.Module):
    r"""A generated tower per scenario, in parallel with the backbone: ``(B, D) -> (B,)``.

    .. math:: h_{l+1} = \mathrm{ReLU}(W_l(z_s) h_l + b_l(z_s)), \qquad
              \mathrm{logit} = w(z_s)^\top h_L + b(z_s)

    The weights are generated once per scenario and batch, never per row, and a row only runs its
    own scenario's tower. The generator of the last layer starts at zero, and so does the logit.

    Args:
        knowledge_size: Width of a scenario's knowledge vector.
        size: Width of the embedded rows, D.
        code_size: Width of the code.
        hidden_size: Width of the generated hidden layers.
        n_layers: Number of generated hidden layers.
        dropout: Dropout probability on the code.
    """

    def __init__(
        self,
        knowledge_size: int,
        size: int,
        *,
        code_size: int,
        hidden_size: int,
        n_layers: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.encoder = KnowledgeEncoder(knowledge_size, code_size, dropout)
        self.sizes = [size, *[hidden_size] * n_layers, 1]
        self.weights = nn.ModuleList(nn.Linear(code_size, i * o) for i, o in pairwise(self.sizes))
        self.biases = nn.ModuleList(nn.Linear(code_size, o) for o in self.sizes[1:])
        for (fan_in, fan_out), weight in zip(pairwise(self.sizes), self.weights, strict=True):
            # What a generated hidden layer starts from is as wide as a Xavier-normal one.
            nn.init.zeros_(weight.weight)
            nn.init.normal_(weight.bias, std=(2 / (fan_in + fan_out)) ** 0.5)
        nn.init.zeros_(self.weights[-1].bias)
        for bias in self.biases:
            nn.init.zeros_(bias.weight)
            nn.init.zeros_(bias.bias)

    def forward(self, parts: Sequence[torch.Tensor], knowledge: torch.Tensor) -> torch.Tensor:
        """Score the rows of every scenario by its tower.

        Args:
            parts: Embedded rows of each scenario, S tensors ``(B_s, D)``.
            knowledge: Knowledge of the scenarios, shape ``(S, knowledge_size)``.

        Returns:
            Logits, one scenario's after the other, shape ``(B,)``.
        """
        code = self.encoder(knowledge)  # (S, K)
        layers = zip(self.weights, self.biases, pairwise(self.sizes), strict=True)
        # Unbound once: a gradient through weight[s] would be a full tensor for every scenario.
        generated = [
            zip(weight(code).view(-1, o, i).unbind(), bias(code).unbind(), strict=True)
            for weight, bias, (i, o) in layers
        ]
        towers = zip(*generated, strict=True)  # per scenario: (weight, bias) of every layer
        return torch.cat([self._tower(x, t) for x, t in zip(parts, towers, strict=True)])

    @staticmethod
    def _tower(
        x: torch.Tensor, layers: Sequence[tuple[torch.Tensor, torch.Tensor]]
    ) -> torch.Tensor:
        *hidden, last = layers
        for weight, bias in hidden:
            x = torch.relu(F.linear(x, weight, bias))
        return F.linear(x, *last).squeeze(-1)
