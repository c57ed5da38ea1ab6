"""Optimisers whose step costs what the batch touches, not what the vocabulary holds.

A dense embedding table makes every step update every row. With sparse gradients only the rows of
the batch are updated; the rest of the model keeps the optimiser that ``learner`` names, in torch's
fused form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim import SGD, Adam, Optimizer, SparseAdam

from recbole_llm4msr.training.optim.deferred_adam import DeferredAdam
from recbole_llm4msr.training.optim.row_wise import RowWiseAdagrad, RowWiseAdam

#: `auto` makes tables sparse from this many rows on; below, a dense step is no slower.
AUTO_ROWS = 500_000


class HybridOptimizer:
    """One optimiser for the sparse tables and one for everything else, used as one.

    Args:
        dense: Optimiser of the dense parameters.
        sparse: Optimiser of the tables.
        choice: What ``embedding_optimizer`` calls that one.
    """

    def __init__(self, dense: Optimizer, sparse: Optimizer, choice: str) -> None:
        self.choice = choice
        self.parts = {"dense": dense, "sparse": sparse}

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Parameter groups of both."""
        return [group for part in self.parts.values() for group in part.param_groups]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients."""
        for part in self.parts.values():
            part.zero_grad(set_to_none)

    def step(self) -> None:
        """One step of both."""
        for part in self.parts.values():
            part.step()

    def settle(self) -> None:
        """Do what the optimiser of the tables put off, before a table is read as a whole."""
        if isinstance(self.parts["sparse"], DeferredAdam):
            self.parts["sparse"].settle()

    def state_dict(self) -> dict[str, Any]:
        """State of both, by name, and the choice."""
        parts = {name: part.state_dict() for name, part in self.parts.items()}
        return {"embedding_optimizer": self.choice, **parts}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore both."""
        for name, part in self.parts.items():
            part.load_state_dict(state[name])


def check_choice(optimizer: Optimizer | HybridOptimizer, state: dict[str, Any]) -> None:
    """Compare the optimiser of the tables with the one that a state was saved by.

    Raises:
        ValueError: They are of two kinds.
    """
    here = getattr(optimizer, "choice", "dense")
    there = state.get("embedding_optimizer", "dense")
    if here != there:
        raise ValueError(
            f"The checkpoint was trained with embedding_optimizer: {there}, and here it is {here}; "
            "resume it with the one it was trained with."
        )


def fuse(optimizer: Optimizer, device: torch.device) -> Optimizer:
    """Let Adam or SGD update a parameter in one pass instead of one for every term of its formula.

    The same numbers but for rounding; on a CPU in about a quarter of the time. Other optimisers and
    devices are left alone.
    """
    if isinstance(optimizer, Adam | SGD) and device.type in ("cpu", "cuda"):
        for group in optimizer.param_groups:
            group["fused"] = True
    return optimizer


class _SparseAdam(SparseAdam):
    """torch's, also where a model reads a table as a whole, whose gradient is dense then."""

    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """One step."""
        for group in self.param_groups:
            for table in group["params"]:
                if table.grad is not None and not table.grad.is_sparse:
                    table.grad = table.grad.to_sparse(1)
        return super().step(closure)


_SPARSE: dict[str, Callable[..., Optimizer]] = {
    "deferred_adam": DeferredAdam,
    "sparse_adam": _SparseAdam,
    "rowwise_adagrad": RowWiseAdagrad,
    "rowwise_adam": RowWiseAdam,
}


def make_tables_sparse(model: nn.Module, choice: str) -> list[nn.Embedding]:
    """Switch embedding tables to sparse gradients, as ``embedding_optimizer`` says.

    Args:
        model: The model; its tables are switched in place.
        choice: ``dense``, ``auto``, or one of the sparse optimisers, which take every table.

    Returns:
        The tables that are sparse now.

    Raises:
        ValueError: There is no such choice.
    """
    known = ("auto", "dense", *_SPARSE)
    if choice not in known:
        raise ValueError(f"embedding_optimizer: {choice!r} is not one of {', '.join(known)}")
    if choice == "dense":
        return []
    least = AUTO_ROWS if choice == "auto" else 0
    tables = [m for m in model.modules() if isinstance(m, nn.Embedding) and len(m.weight) >= least]
    for table in tables:
        table.sparse = True
    return tables


def hybrid(
    dense: Optimizer, tables: list[nn.Embedding], choice: str, learning_rate: float
) -> HybridOptimizer:
    """Put the optimiser of the sparse tables beside that of the rest."""
    choice = "deferred_adam" if choice == "auto" else choice
    sparse = _SPARSE[choice]([table.weight for table in tables], lr=learning_rate)
    if isinstance(sparse, DeferredAdam):
        sparse.read_by(tables)
    return HybridOptimizer(dense, sparse, choice)
