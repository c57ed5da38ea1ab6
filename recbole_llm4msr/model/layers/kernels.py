"""Faster CPU forms of two operations: a matrix per row times the row, and a stable sort."""

from __future__ import annotations

import numpy as np
import torch

from recbole_llm4msr.util.no_compile import untraced

#: Below this many numbers a matrix, torch multiplies batches by a slow kernel of its own, above it
#: by a library.
SMALL = 400


class _MatrixPerRow(torch.autograd.Function):
    """Row ``i`` multiplied by matrix ``i``, each product in the form that is fastest on a CPU."""

    @staticmethod
    def forward(ctx, matrices: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(matrices, x)
        return torch.bmm(x.unsqueeze(1), matrices.mT).squeeze(1)

    @staticmethod
    def backward(ctx, grad: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        matrices, x = ctx.saved_tensors
        grad = grad.to(matrices.dtype)  # autocast may have used another dtype
        if matrices.shape[1:].numel() < SMALL:
            grad_x = (matrices * grad.unsqueeze(2)).sum(dim=1)
        else:
            grad_x = torch.bmm(grad.unsqueeze(1), matrices).squeeze(1)
        return grad.unsqueeze(2) * x.unsqueeze(1), grad_x


def matrix_per_row_times(matrices: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Multiply every row by its own small matrix: ``(B, R, Q), (B, Q) -> (B, R)``."""
    return _MatrixPerRow.apply(matrices, x.to(matrices.dtype))


def stable_order(ids: torch.Tensor, n_ids: int) -> torch.Tensor:
    """Indices that sort ids in ``0 .. n_ids - 1`` stably, shape ``(B,)``."""
    if ids.device.type != "cpu":
        return torch.argsort(ids, stable=True)
    return _order_on_cpu(ids, n_ids)


@untraced
def _order_on_cpu(ids: torch.Tensor, n_ids: int) -> torch.Tensor:
    """A stable sort by numpy, which uses radix sort (torch does not) for ids of up to 16 bits."""
    small = ids.numpy().astype(np.min_scalar_type(n_ids))
    return torch.from_numpy(np.argsort(small, kind="stable"))
