"""The users of a batch: what their knowledge generates is generated once for each."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import nn

from recbole_llm4msr.model.layers import each_times

#: How what a user's knowledge generates is computed: per row, once per user, or what is cheaper.
PLANS = ("auto", "rows", "users")

#: Rows of which :func:`generated_times` holds the matrices at a time on a CPU.
_CPU_ROWS = 1024


class BatchUsers:
    """The distinct users of a batch, and whose every row is.

    Args:
        index: Knowledge index of every row, shape ``(B,)``.
        neighbours: Whether rows of a user stand together, so that no sort is needed to find them. A
            user whose rows do not is taken for several.
    """

    def __init__(self, index: torch.Tensor, neighbours: bool = False) -> None:
        find = torch.unique_consecutive if neighbours else torch.unique
        self.distinct, self.of_row = find(index, return_inverse=True)

    def __len__(self) -> int:
        """Number of distinct users, G."""
        return len(self.distinct)

    def spread(self, values: torch.Tensor) -> torch.Tensor:
        """What each user has, for each of its rows: ``(G, ...) -> (B, ...)``."""
        if len(self) == 1:  # as when one user's candidates are scored
            return values.expand(len(self.of_row), *values.shape[1:])
        return values.index_select(0, self.of_row)

    @cached_property
    def longest(self) -> int:
        """Rows of the user who has most of them, L."""
        if len(self) == 1:
            return len(self.of_row)
        return int(torch.bincount(self.of_row).max())

    @property
    def even(self) -> bool:
        """Whether padding adds no more rows than there are."""
        return len(self) * self.longest <= 2 * len(self.of_row)

    @cached_property
    def _place(self) -> torch.Tensor:
        """Place of every row among ``G * L``, shape ``(B,)``: those of a user stand together."""
        order = torch.argsort(self.of_row, stable=True)
        counts = torch.bincount(self.of_row)
        starts = torch.cumsum(counts, 0) - counts
        within = torch.empty_like(order)
        within[order] = torch.arange(len(order), device=order.device)
        return self.of_row * self.longest + within - starts[self.of_row]

    def pad(self, x: torch.Tensor) -> torch.Tensor:
        """Rows by user, shorter users filled up with zeros: ``(B, D) -> (G, L, D)``."""
        if len(self) == 1:
            return x.unsqueeze(0)
        padded = x.new_zeros(len(self) * self.longest, x.shape[1]).index_copy(0, self._place, x)
        return padded.view(len(self), self.longest, -1)

    def unpad(self, padded: torch.Tensor) -> torch.Tensor:
        """Undo :meth:`pad`: ``(G, L, D) -> (B, D)``."""
        rows = padded.flatten(end_dim=1)
        return rows if len(self) == 1 else rows.index_select(0, self._place)


def users_of(
    index: torch.Tensor, plan: str, *, neighbours: bool, worth_a_sort: bool
) -> BatchUsers | None:
    """The users of a batch where generating once per user pays, else ``None``.

    Args:
        index: Knowledge index of every row, shape ``(B,)``.
        plan: ``meta_plan``: ``auto``, ``rows`` or ``users``.
        neighbours: Whether rows of a user may be expected to stand together, as in evaluation.
        worth_a_sort: Whether ``auto`` sorts for users where they do not. A shuffled training batch
            has few users with several rows.
    """
    if plan == "rows" or (plan == "auto" and not (neighbours or worth_a_sort)):
        return None
    users = BatchUsers(index, neighbours and plan == "auto")
    # Spreading what was generated over the rows costs about as much as a row's share of making it.
    return users if plan == "users" or 2 * len(users) <= len(index) else None


def per_row(generated: torch.Tensor, users: BatchUsers | None) -> torch.Tensor:
    """What was generated, once for every row: ``(B or G, ...) -> (B, ...)``."""
    return generated if users is None else users.spread(generated)


def generated_times(
    generator: nn.Linear, code: torch.Tensor, x: torch.Tensor, users: BatchUsers | None
) -> torch.Tensor:
    """A small generated matrix times each row, its own or its user's: ``(B, Q) -> (B, R)``.

    Users of about as many rows each are one product of batches. Otherwise every row gets a matrix,
    on a CPU for some rows at a time: those stay in its cache, where the matrices of a large batch
    would each time be written to fresh memory.

    Args:
        generator: Maps a code to the R x Q numbers of a matrix.
        code: Codes, of the rows ``(B, K)`` or of the users ``(G, K)``.
        x: Rows, shape ``(B, Q)``.
        users: The users of the batch, where the codes are theirs.
    """
    step = _CPU_ROWS if x.device.type == "cpu" else max(1, len(x))
    if users is None:
        made = (generator(part) for part in code.split(step))
    else:
        matrices = generator(code)
        if users.even:
            matrices = matrices.view(len(code), -1, x.shape[1])
            return users.unpad(users.pad(x) @ matrices.transpose(1, 2))
        made = (matrices.index_select(0, part) for part in users.of_row.split(step))
    products = [
        each_times(matrix.view(len(rows), -1, x.shape[1]), rows)
        for matrix, rows in zip(made, x.split(step), strict=True)
    ]
    return products[0] if len(products) == 1 else torch.cat(products)
