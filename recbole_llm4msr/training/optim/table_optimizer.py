"""The base classes of the optimisers that update embedding tables row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer


class TableOptimizer(Optimizer):
    """An optimiser of embedding tables. By default it postpones nothing."""

    def update_before_reads(self, tables: Iterable[nn.Embedding]) -> None:
        """Bring rows up to date before these modules read them, where updates are postponed."""

    def settle(self) -> None:
        """Apply all postponed updates, where there are any, before a table is read as a whole."""


class RowOptimizer(TableOptimizer):
    """A table optimiser whose step updates the rows that have a gradient; see :meth:`_update`."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:
        """Update the rows that have a gradient."""
        for group in self.param_groups:
            for table in group["params"]:
                if table.grad is not None:
                    self._update(table, *_rows_and_gradients(table.grad), group)

    def _update(
        self, table: nn.Parameter, rows: torch.Tensor, grad: torch.Tensor, group: dict[str, Any]
    ) -> None:
        """Update ``rows`` (n,) of a table, all different, by their gradients (n, D)."""
        raise NotImplementedError


def _rows_and_gradients(grad: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows that have a gradient, ``(n,)``, and their gradients, ``(n, D)``.

    A table that a loss reads as a whole has a dense gradient: all its rows.
    """
    if not grad.is_sparse:
        return torch.arange(len(grad), device=grad.device), grad
    grad = grad.coalesce()
    return grad.indices()[0], grad.values()
