"""Layers that several backbones share: rows grouped by scenario, and what runs on the groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from recbole.model.layers import MLPLayers
from torch import nn


class _Reorder(torch.autograd.Function):
    """Rows in another order. The gradient comes back by the inverse order, not by scattering."""

    @staticmethod
    def forward(ctx, x: torch.Tensor, order: torch.Tensor, inverse: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(inverse)
        return x.index_select(0, order)

    @staticmethod
    def backward(ctx, grad: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (inverse,) = ctx.saved_tensors
        return grad.index_select(0, inverse), None, None


def each_times(matrices: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """A small matrix of its own times each row: ``(B, R, Q), (B, Q) -> (B, R)``.

    Multiplied and summed, whose backward on a CPU is far faster than that of a batched matrix
    product; where there is none, the product writes less.
    """
    if not torch.is_grad_enabled():
        return torch.bmm(matrices, x.unsqueeze(2)).squeeze(2)
    return (matrices * x.unsqueeze(1)).sum(dim=-1)


class _Tanh(torch.autograd.Function):
    """tanh x = 2 sigmoid(2x) - 1, in the memory of x; the gradient is that of tanh."""

    @staticmethod
    def forward(ctx, x: torch.Tensor) -> torch.Tensor:
        ctx.mark_dirty(x)
        y = x.add_(x).sigmoid_().mul_(2).sub_(1)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, grad: torch.Tensor) -> torch.Tensor:
        (y,) = ctx.saved_tensors
        return torch.ops.aten.tanh_backward(grad, y)


def tanh_(x: torch.Tensor) -> torch.Tensor:
    """Hyperbolic tangent of any shape, to 1e-7, in place; zero stays zero.

    On a CPU torch's sigmoid is several times as fast as its tanh. Below single precision a sigmoid
    would lose what is near zero.
    """
    if x.device.type != "cpu" or x.dtype != torch.float32:
        return torch.tanh_(x)
    return _Tanh.apply(x)


class ScenarioGroups:
    """The rows of a batch, grouped by scenario, so that a row runs its own scenario's layers only.

    Running every scenario's tower on the whole batch and masking costs S times the work; here the
    rows are sorted once, and each scenario sees a contiguous slice of them. Rows that come in the
    order of their scenarios are not copied.

    Args:
        scenario: Scenario of every row in ``0 .. n_scenarios - 1``, shape ``(B,)``.
        n_scenarios: Number of scenarios, S. Scenarios without a row get an empty slice.

    Raises:
        ValueError: A row's scenario is none of them.

    Attributes:
        sizes: Number of rows of every scenario.
    """

    def __init__(self, scenario: torch.Tensor, n_scenarios: int) -> None:
        # Counted from -1 on: that is what RecBole's padding, id 0, becomes.
        counts = torch.bincount(scenario + 1, minlength=n_scenarios + 1)
        in_order = (scenario[1:] >= scenario[:-1]).all()
        # One list, so that a GPU is waited for once.
        nowhere, *sizes, self.in_order = torch.cat([counts, in_order.view(1)]).tolist()
        if nowhere or len(sizes) > n_scenarios:
            raise ValueError(
                f"a row's scenario is none that the model knows: its id in the data set has to be "
                f"between 1 and {n_scenarios} (0 is RecBole's padding)"
            )
        self.sizes = sizes
        if not self.in_order:
            self._order = torch.argsort(scenario, stable=True)
            rows = torch.arange(len(scenario), device=scenario.device)
            self._inverse = torch.empty_like(rows).scatter_(0, self._order, rows)

    def sort(self, x: torch.Tensor) -> torch.Tensor:
        """Rows in the order of their scenarios, shape ``(B, ...)``."""
        return x if self.in_order else _Reorder.apply(x, self._order, self._inverse)

    def restore(self, x: torch.Tensor) -> torch.Tensor:
        """Sorted rows in the order of the batch again, shape ``(B, ...)``."""
        return x if self.in_order else _Reorder.apply(x, self._inverse, self._order)

    def split(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Rows of each scenario: S tensors of shape ``(B_s, ...)``, some of them empty."""
        return self.sort(x).split(self.sizes)

    def merge(self, parts: Iterable[torch.Tensor]) -> torch.Tensor:
        """Put the rows of all scenarios back into the order of the batch, shape ``(B, ...)``."""
        return self.restore(torch.cat(tuple(parts)))


def mlp(sizes: Sequence[int], dropout: float, activation: str = "relu") -> MLPLayers:
    """RecBole's MLP over ``sizes``: before each linear layer dropout, after it the activation."""
    return MLPLayers(list(sizes), dropout=dropout, activation=activation)


class Tower(nn.Module):
    """An MLP with one logit at its end: ``(B, in_size) -> (B,)``.

    Args:
        in_size: Width of the input.
        hidden_sizes: Widths of the hidden layers; may be empty.
        dropout: Dropout probability.
    """

    def __init__(self, in_size: int, hidden_sizes: Sequence[int], dropout: float) -> None:
        super().__init__()
        self.hidden = mlp([in_size, *hidden_sizes], dropout)
        self.logit = nn.Linear([in_size, *hidden_sizes][-1], 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(B, in_size) -> (B,)``."""
        return self.logit(self.hidden(x)).squeeze(-1)


class PerScenario(nn.ModuleList):
    """A module for every scenario; a row runs its own scenario's only."""

    def forward(self, x: torch.Tensor, groups: ScenarioGroups) -> torch.Tensor:
        """Send rows ``x`` (B, ...) each through its scenario's module, shape ``(B, ...)``."""
        return groups.merge(
            module(rows) for module, rows in zip(self, groups.split(x), strict=True)
        )


class Experts(nn.ModuleList):
    """Networks of one shape that all read the same rows: ``(B, in_size) -> (B, E, H)``.

    Args:
        expert_num: Number of experts, E.
        in_size: Width of the input.
        hidden_sizes: Widths of an expert's layers; the last is H.
        dropout: Dropout probability.
    """

    def __init__(
        self, expert_num: int, in_size: int, hidden_sizes: Sequence[int], dropout: float
    ) -> None:
        super().__init__(mlp([in_size, *hidden_sizes], dropout) for _ in range(expert_num))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(B, in_size) -> (B, E, H)``."""
        return torch.stack([expert(x) for expert in self], dim=1)


def mix(experts: torch.Tensor, gate: torch.Tensor) -> torch.Tensor:
    """Sum experts (B, E, H), weighted by the softmax of a gate's output (B, E): ``(B, H)``."""
    return torch.einsum("be,beh->bh", torch.softmax(gate, dim=-1), experts)


def init_weights(module: nn.Module) -> None:
    """Xavier-normal weights and zero biases, as RecBole's context models start."""
    if isinstance(module, nn.Embedding):
        nn.init.xavier_normal_(module.weight.data)
    elif isinstance(module, nn.Linear):
        nn.init.xavier_normal_(module.weight.data)
        if module.bias is not None:
            nn.init.zeros_(module.bias.data)
