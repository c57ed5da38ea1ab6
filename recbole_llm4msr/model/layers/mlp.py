"""MLP, tower with one logit, layers per scenario, experts with gates, weight initialisation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from recbole.model.layers import MLPLayers
from torch import nn

from recbole_llm4msr.model.layers.groups import ScenarioGroups


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
    """One module per scenario; a row runs through the module of its scenario only."""

    def forward(self, x: torch.Tensor, groups: ScenarioGroups) -> torch.Tensor:
        """Send rows ``x`` (B, ...) each through its scenario's module, shape ``(B, ...)``."""
        return groups.merge(
            module(rows) for module, rows in zip(self, groups.split(x), strict=True)
        )


class Experts(nn.ModuleList):
    """Networks of the same shape that all read the same rows: ``(B, in_size) -> (B, E, H)``.

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
    """Xavier-normal weights and zero biases, as in RecBole's context models."""
    if isinstance(module, nn.Embedding):
        nn.init.xavier_normal_(module.weight.data)
    elif isinstance(module, nn.Linear):
        nn.init.xavier_normal_(module.weight.data)
        if module.bias is not None:
            nn.init.zeros_(module.bias.data)
