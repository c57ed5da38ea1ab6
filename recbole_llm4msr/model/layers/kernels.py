"""Arithmetic in the form that is cheapest where it runs; the numbers are the same."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path

import numpy as np
import torch

from recbole_llm4msr.util.compiler import untraced

#: Batches of matrices with fewer numbers than this are multiplied by torch's own, slower kernel,
#: larger ones by a library.
SMALL = 400


class _EachTimes(torch.autograd.Function):
    """A matrix of its own times each row; every product in the form that a CPU does fastest."""

    @staticmethod
    def forward(ctx, matrices: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(matrices, x)
        return torch.bmm(x.unsqueeze(1), matrices.mT).squeeze(1)

    @staticmethod
    def backward(ctx, grad: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        matrices, x = ctx.saved_tensors
        grad = grad.to(matrices.dtype)  # autocast may have computed in another
        if matrices.shape[1:].numel() < SMALL:
            towards_x = (matrices * grad.unsqueeze(2)).sum(dim=1)
        else:
            towards_x = torch.bmm(grad.unsqueeze(1), matrices).squeeze(1)
        return grad.unsqueeze(2) * x.unsqueeze(1), towards_x


def each_times(matrices: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """A small matrix of its own times each row: ``(B, R, Q), (B, Q) -> (B, R)``."""
    return _EachTimes.apply(matrices, x.to(matrices.dtype))


class _Tanh(torch.autograd.Function):
    """:func:`_tanh_by_sigmoid_`, whose gradient is that of tanh."""

    @staticmethod
    def forward(ctx, x: torch.Tensor) -> torch.Tensor:
        ctx.mark_dirty(x)
        y = _tanh_by_sigmoid_(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, grad: torch.Tensor) -> torch.Tensor:
        (y,) = ctx.saved_tensors
        return torch.ops.aten.tanh_backward(grad, y)


def _tanh_by_sigmoid_(x: torch.Tensor) -> torch.Tensor:
    """tanh x = 2 sigmoid(2x) - 1, in the memory of x."""
    return x.add_(x).sigmoid_().mul_(2).sub_(1)


def tanh_(x: torch.Tensor) -> torch.Tensor:
    """Hyperbolic tangent of any shape, to 1e-7, in place; zero stays zero.

    torch leaves tanh to Intel's library. On the processors of others that takes several times as
    long as torch's own sigmoid; on Intel's, a third of the time of the form by sigmoid. Below
    single precision a sigmoid would lose what is near zero.
    """
    if x.device.type != "cpu" or x.dtype != torch.float32 or _is_intel():
        return torch.tanh_(x)
    return _Tanh.apply(x) if torch.is_grad_enabled() else _tanh_by_sigmoid_(x)


@cache
def _is_intel() -> bool:
    """Whether this is a processor of Intel's: Linux says so in a file, Windows in the name."""
    listed = Path("/proc/cpuinfo")
    return "GenuineIntel" in (listed.read_text() if listed.exists() else platform.processor())


def stable_order(ids: torch.Tensor, n_ids: int) -> torch.Tensor:
    """The order that sorts ids in ``0 .. n_ids - 1`` and leaves equal ones in theirs: ``(B,)``."""
    if ids.device.type != "cpu":
        return torch.argsort(ids, stable=True)
    return _order_on_cpu(ids, n_ids)


@untraced
def _order_on_cpu(ids: torch.Tensor, n_ids: int) -> torch.Tensor:
    """By radix where the ids fit into 16 bits, which numpy knows and torch does not."""
    small = ids.numpy().astype(np.min_scalar_type(n_ids))
    return torch.from_numpy(np.argsort(small, kind="stable"))
