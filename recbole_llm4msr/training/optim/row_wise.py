"""Optimisers of embedding tables with one number a row where others have one a weight."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim import Optimizer


class TableOptimizer(Optimizer):
    """An optimiser of embedding tables whose step goes to the rows that have a gradient."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:
        """Update the rows that have a gradient."""
        for group in self.param_groups:
            for table in group["params"]:
                if table.grad is not None:
                    self._update(table, *_rows_of(table.grad), group)

    def _update(
        self, table: nn.Parameter, rows: torch.Tensor, grad: torch.Tensor, group: dict[str, Any]
    ) -> None:
        """Update ``rows`` (n,) of a table, all different, by their gradients (n, D)."""
        raise NotImplementedError


def _rows_of(grad: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows that have a gradient, ``(n,)``, and their gradients, ``(n, D)``.

    A table that a loss reads as a whole has a dense gradient: all its rows.
    """
    if not grad.is_sparse:
        return torch.arange(len(grad), device=grad.device), grad
    grad = grad.coalesce()
    return grad.indices()[0], grad.values()


class RowWiseAdagrad(TableOptimizer):
    r"""Adagrad with one accumulator per row of an embedding table.

    .. math::
        G_r \leftarrow G_r + \tfrac{1}{D}\lVert g_r \rVert^2, \qquad
        w_r \leftarrow w_r - \eta\, g_r / (\sqrt{G_r} + \epsilon)

    The state is a D-th of a table. Only rows with a gradient are touched.

    Reference:
        Dheevatsa Mudigere et al. "Software-Hardware Co-design for Fast and Scalable Training of
        Deep Learning Recommendation Models." ISCA 2022, section 4.1.2 (row-wise sparse AdaGrad).

    Args:
        params: Embedding tables whose gradients are sparse.
        lr: Learning rate.
        eps: Added to the root.
    """

    def __init__(self, params: Iterable[nn.Parameter], lr: float, eps: float = 1e-8) -> None:
        super().__init__(params, {"lr": lr, "eps": eps})

    def _update(self, table, rows, grad, group) -> None:
        state = self.state[table]
        if not state:
            state["sum"] = table.new_zeros(len(table))
        state["sum"].index_add_(0, rows, grad.square().mean(dim=1))
        root = state["sum"][rows].sqrt_().add_(group["eps"]).unsqueeze(1)
        table.index_add_(0, rows, grad / root, alpha=-group["lr"])


class RowWiseAdam(TableOptimizer):
    r"""Adam with one second moment per row of an embedding table; a row at rest stays as it is.

    .. math::
        m_r \leftarrow \beta_1 m_r + (1 - \beta_1) g_r, \qquad
        v_r \leftarrow \beta_2 v_r + (1 - \beta_2) \tfrac{1}{D}\lVert g_r \rVert^2, \qquad
        w_r \leftarrow w_r - \eta\, \hat m_r / (\sqrt{\hat v_r} + \epsilon)

    with the moments corrected for their start at zero as in Adam, by the number of steps. The state
    is about a table, half of Adam's.

    Reference:
        Diederik P. Kingma and Jimmy Ba. "Adam: A Method for Stochastic Optimization." ICLR 2015,
        algorithm 1, with the second moment averaged over a row.

    Args:
        params: Embedding tables whose gradients are sparse.
        lr: Learning rate.
        betas: Decay of the first and of the second moment.
        eps: Added to the root.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})

    def _update(self, table, rows, grad, group) -> None:
        state, (beta1, beta2) = self.state[table], group["betas"]
        if not state:
            state["step"] = 0
            state["mean"] = torch.zeros_like(table, memory_format=torch.preserve_format)
            state["square"] = table.new_zeros(len(table))
        state["step"] += 1
        mean = F.embedding(rows, state["mean"]).lerp_(grad, 1 - beta1)
        square = state["square"][rows].lerp_(grad.square().mean(dim=1), 1 - beta2)
        state["mean"].index_copy_(0, rows, mean)
        state["square"].index_copy_(0, rows, square)
        mean = mean / (1 - beta1 ** state["step"])
        square = square / (1 - beta2 ** state["step"])
        root = square.sqrt_().add_(group["eps"]).unsqueeze(1)
        table.index_add_(0, rows, mean / root, alpha=-group["lr"])
