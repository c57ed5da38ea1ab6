"""The distinct users of a batch, whose weights are generated once a user instead of once a row."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import nn

from recbole_llm4msr.model.layers.kernels import SMALL, matrix_per_row_times, stable_order

#: How a user's weights are generated: per row, once per user, or the cheaper of both.
PLANS = ("auto", "rows", "users")

#: Rows whose matrices :func:`generated_times` holds in memory at a time on a CPU.
_CPU_ROWS = 1024

#: With more rows a user than this, blocks are cheaper than a copy of its matrix for each row.
_FEW_ROWS = 6


class BatchUsers:
    """The distinct users of a batch, and the user of every row.

    For products with a matrix per user, rows are put into *blocks*: a block has room for as many
    rows as a user has on average, L, and a user as many blocks as it needs. However uneven the
    users are, there are at most two blocks a user, P in all, and 2 B + G places.

    Args:
        index: Knowledge index of every row, shape ``(B,)``.
        neighbours: Whether the rows of a user are adjacent, so that no sort is needed. A user whose
            rows are not adjacent counts as several users.
    """

    def __init__(self, index: torch.Tensor, neighbours: bool = False) -> None:
        find = torch.unique_consecutive if neighbours else torch.unique
        self.distinct, self.of_row = find(index, return_inverse=True)
        self._in_order = neighbours

    def __len__(self) -> int:
        """Number of distinct users, G."""
        return len(self.distinct)

    def spread(self, values: torch.Tensor) -> torch.Tensor:
        """Repeat the values of users for each of their rows: ``(G, ...) -> (B, ...)``."""
        if len(self) == 1:
            return values.expand(len(self.of_row), *values.shape[1:])
        return values.index_select(0, self.of_row)

    @property
    def block_rows(self) -> int:
        """Rows that a block has room for, L."""
        return -(-len(self.of_row) // max(1, len(self)))

    @cached_property
    def blocks(self) -> tuple[torch.Tensor, torch.Tensor]:
        """User of every block, shape ``(P,)``, and place of every row in them, shape ``(B,)``."""
        n_rows, size = len(self.of_row), self.block_rows
        place = torch.arange(n_rows, device=self.of_row.device)
        counts = torch.bincount(self.of_row)
        blocks = (counts + (size - 1)).div(size, rounding_mode="floor")  # of each user
        # A row's place is its rank among its user's rows, from where its user's blocks begin.
        shift = (blocks.cumsum(0) - blocks) * size - (counts.cumsum(0) - counts)
        owner = torch.repeat_interleave(blocks)
        if self._in_order:
            return owner, place + shift[self.of_row]
        order = stable_order(self.of_row, len(self))
        return owner, torch.empty_like(place).scatter_(0, order, place + shift[self.of_row[order]])

    def times(self, matrices: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Multiply every row by its user's matrix: ``(G, R, Q), (B, Q) -> (B, R)``."""
        if len(self) == 1:  # as when one user's candidates are scored
            return x @ matrices[0].T
        owner, place = self.blocks
        if len(owner) > len(self):
            matrices = matrices.index_select(0, owner)
        padded = x.new_zeros(len(owner) * self.block_rows, x.shape[1]).index_copy(0, place, x)
        padded = padded.view(len(owner), self.block_rows, x.shape[1])
        return (padded @ matrices.transpose(1, 2)).flatten(end_dim=1).index_select(0, place)


def users_of(
    index: torch.Tensor, plan: str, *, neighbours: bool, worth_a_sort: bool
) -> BatchUsers | None:
    """The users of a batch where generating once per user is cheaper, else ``None``.

    Args:
        index: Knowledge index of every row, shape ``(B,)``.
        plan: ``meta_plan``: ``auto``, ``rows`` or ``users``.
        neighbours: Whether rows of a user are expected to be adjacent, as in evaluation and with
            ``user_block_size``.
        worth_a_sort: Whether ``auto`` sorts rows by user where they are not: a shuffled training
            batch has few users with several rows.
    """
    if plan == "rows" or (plan == "auto" and not (neighbours or worth_a_sort)):
        return None
    users = BatchUsers(index, neighbours and plan == "auto")
    # Spreading what was generated over the rows costs about as much as a row's share of making it.
    return users if plan == "users" or 2 * len(users) <= len(index) else None


def per_row(generated: torch.Tensor, users: BatchUsers | None) -> torch.Tensor:
    """Generated values for every row, repeated if per user: ``(B or G, ...) -> (B, ...)``."""
    return generated if users is None else users.spread(generated)


def generated_times(
    generator: nn.Linear, code: torch.Tensor, x: torch.Tensor, users: BatchUsers | None
) -> torch.Tensor:
    """Multiply every row by a small generated matrix, per row or per user: ``(B, Q) -> (B, R)``.

    Without users every row gets a matrix, on a CPU for some rows at a time: those stay in its
    cache, where the matrices of a large batch would each time be written to fresh memory.

    Args:
        generator: Maps a code to the R x Q numbers of a matrix.
        code: Codes, of the rows ``(B, K)`` or of the users ``(G, K)``.
        x: Rows, shape ``(B, Q)``.
        users: The users of the batch, where the codes are theirs.
    """
    shape = (-1, generator.out_features // x.shape[1], x.shape[1])  # also for no matrices
    if users is not None:
        matrices = generator(code).view(shape)
        if _copies_are_cheaper(matrices, users):
            return matrix_per_row_times(users.spread(matrices), x)
        return users.times(matrices, x)
    step = _CPU_ROWS if x.device.type == "cpu" else max(1, len(x))
    products = [
        matrix_per_row_times(generator(part).view(shape), rows)
        for part, rows in zip(code.split(step), x.split(step), strict=True)
    ]
    return products[0] if len(products) == 1 else torch.cat(products)


def _copies_are_cheaper(matrices: torch.Tensor, users: BatchUsers) -> bool:
    """Whether a copy of its user's matrix for every row is cheaper than blocks of rows.

    It is where a user has few rows and the gradient comes back through a product of small matrices.
    """
    return (
        torch.is_grad_enabled()
        and users.block_rows <= _FEW_ROWS
        and matrices.shape[1:].numel() < SMALL
    )
