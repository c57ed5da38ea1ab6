r"""Three forms of a generated weight with one interface: full, of low rank, diagonal.

Reference:
    Yuhao Wang et al. "LLM4MSR: An LLM-Enhanced Paradigm for Multi-Scenario Recommendation."
    CIKM 2024. https://doi.org/10.1145/3627673.3679743
    Low rank, :math:`U S V`: Bencheng Yan et al. "APG: Adaptive Parameter Generation Network for
    Click-Through Rate Prediction." NeurIPS 2022. https://arxiv.org/abs/2203.16218
"""

from __future__ import annotations

import torch
from torch import nn

from recbole_llm4msr.model.llm4msr.users import BatchUsers, generated_times, per_row


class FullWeight(nn.Module):
    r"""A full generated matrix, :math:`W = \sum_k z_k T_k + T_0`, as in the paper.

    Per row the product is computed as :math:`\sum_k z_k (x T_k)`: the same result, without a
    matrix per row in memory. Where users have many rows each, a matrix per user is cheaper.

    Args:
        code_size: Width of the code z, K.
        size: Width of the rows, D (input and output).
        plan: One of the two forms, ``rows`` or ``users``, or ``auto``, the cheaper one.
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
            return users.times(weight.transpose(1, 2), x)
        if users is not None:
            code = users.spread(code)
        products = (x @ self.basis).view(-1, code.shape[1], self.size)  # (B, K + 1, D)
        return torch.einsum("bk,bkd->bd", code, products)

    def _once_per_user(self, n_rows: int, users: BatchUsers) -> bool:
        """Whether a matrix per user takes fewer products than the form per row, and no more memory.

        In units of D x D: a matrix takes K + 1 to make and one for each place in its blocks.
        """
        if self.plan != "auto":
            return self.plan == "users"
        n_terms = self.basis.shape[1] // self.size  # K + 1
        n_blocks = len(users.blocks[0])
        products = len(users) * n_terms + n_blocks * users.block_rows
        return products < n_rows * n_terms and n_blocks * self.size <= n_rows * n_terms


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
    """Create the generated weight for ``meta_rank``: ``full``, ``diag`` or a rank.

    Raises:
        ValueError: ``meta_rank`` is not one of the three.
    """
    if meta_rank == "full":
        return FullWeight(code_size, size, plan)
    if meta_rank == "diag":
        return DiagonalWeight(code_size, size)
    if isinstance(meta_rank, int) and meta_rank > 0:
        return LowRankWeight(code_size, size, meta_rank)
    raise ValueError(f"meta_rank: {meta_rank!r} is not `full`, `diag` or a rank (a whole number)")
