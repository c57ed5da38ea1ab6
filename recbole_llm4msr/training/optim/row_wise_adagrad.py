"""Adagrad for embedding tables with one accumulator a row instead of one a weight."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from recbole_llm4msr.training.optim.table_optimizer import RowOptimizer


class RowWiseAdagrad(RowOptimizer):
    r"""Adagrad with one accumulator per row of an embedding table.

    .. math::
        G_r \leftarrow G_r + \tfrac{1}{D}\lVert g_r \rVert^2, \qquad
        w_r \leftarrow w_r - \eta\, g_r / (\sqrt{G_r} + \epsilon)

    The state has one number a row, a D-th of a table. Rows without a gradient do not change.

    Reference:
        Dheevatsa Mudigere et al. "Software-Hardware Co-design for Fast and Scalable Training of
        Deep Learning Recommendation Models." ISCA 2022, section 4.1.2 (row-wise sparse AdaGrad).

    Args:
        params: Embedding tables whose gradients are sparse.
        lr: Learning rate.
        eps: Added to the square root in the denominator.
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
