"""Helpers of the slow references: parameters by name in float64, and sums."""

from __future__ import annotations

import re

import torch

Linear = tuple[torch.Tensor, torch.Tensor | None]


class weights:  # noqa: N801  (reads like a function)
    """A model's parameters and buffers by their names in its state dict, in float64."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.state = {
            name: value.double()
            for name, value in model.state_dict().items()
            if isinstance(value, torch.Tensor)
        }

    def __getitem__(self, name: str) -> torch.Tensor:
        return self.state[name]

    def linear(self, path: str) -> Linear:
        """Weight and bias (or None) of the linear layer at ``path``."""
        return self.state[f"{path}.weight"], self.state.get(f"{path}.bias")

    def linear_layers(self, path: str) -> list[Linear]:
        """All linear layers below ``path`` in the order they are run in."""
        pattern = re.compile(rf"{re.escape(path)}\.((?:\w+\.)*)(\d+)\.weight")
        found = [m for m in map(pattern.fullmatch, self.state) if m]
        found.sort(key=lambda m: int(m[2]))
        return [self.linear(m[0].removesuffix(".weight")) for m in found]


def dense(layer: Linear, x: torch.Tensor) -> torch.Tensor:
    """One row through one linear layer."""
    weight, bias = layer
    y = weight @ x
    return y if bias is None else y + bias


def relu(x: torch.Tensor) -> torch.Tensor:
    return torch.where(x > 0, x, torch.zeros_like(x))


def softmax(x: torch.Tensor) -> torch.Tensor:
    e = (x - x.max()).exp()
    return e / e.sum()


def sigmoid(x: torch.Tensor) -> torch.Tensor:
    return 1 / (1 + (-x).exp())


def run_mlp(layers: list[Linear], x: torch.Tensor) -> torch.Tensor:
    """One row through linear layers, a ReLU after each."""
    for layer in layers:
        x = relu(dense(layer, x))
    return x


def tower(w: weights, path: str, x: torch.Tensor) -> torch.Tensor:
    """One row through hidden layers and a logit."""
    return dense(w.linear(f"{path}.logit"), run_mlp(w.linear_layers(f"{path}.hidden"), x))[0]


def experts(w: weights, path: str, n: int, x: torch.Tensor) -> list[torch.Tensor]:
    """One row through each of ``n`` experts."""
    return [run_mlp(w.linear_layers(f"{path}.{e}"), x) for e in range(n)]


def weighted_sum(parts: list[torch.Tensor], gate: torch.Tensor) -> torch.Tensor:
    """Sum of vectors, weighted by the softmax of the gate."""
    total = torch.zeros_like(parts[0])
    for weight, part in zip(softmax(gate), parts, strict=True):
        total = total + weight * part
    return total
