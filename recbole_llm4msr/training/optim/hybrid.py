"""Two optimisers used as one: a sparse one for embedding tables, a dense one for the rest.

With dense gradients every step updates every row of a table. With sparse gradients a step updates
only the rows of the batch; the rest of the model keeps the optimiser that ``learner`` names, in
torch's fused form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim import SGD, Adam, Optimizer

from recbole_llm4msr.training.optim.deferred_adam import DeferredAdam
from recbole_llm4msr.training.optim.row_wise_adagrad import RowWiseAdagrad
from recbole_llm4msr.training.optim.sparse_adam import TableSparseAdam
from recbole_llm4msr.training.optim.table_optimizer import TableOptimizer

#: `auto` makes tables with at least this many rows sparse; below, a dense step is as fast.
AUTO_ROWS = 500_000


class HybridOptimizer:
    """One optimiser for the sparse tables and one for everything else, used as one.

    Args:
        dense: Optimiser of the dense parameters.
        sparse: Optimiser of the tables.
        choice: The value of ``embedding_optimizer`` that stands for the optimiser of the tables.
    """

    def __init__(self, dense: Optimizer, sparse: TableOptimizer, choice: str) -> None:
        self.choice = choice
        self.parts: dict[str, Optimizer] = {"dense": dense, "sparse": sparse}

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Parameter groups of both."""
        return [group for part in self.parts.values() for group in part.param_groups]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear all gradients."""
        for part in self.parts.values():
            part.zero_grad(set_to_none)

    def step(self) -> None:
        """One step of both."""
        for part in self.parts.values():
            part.step()

    def settle(self) -> None:
        """Apply the postponed updates of the tables, before a table is read as a whole."""
        self.parts["sparse"].settle()

    def state_dict(self) -> dict[str, Any]:
        """State of both optimisers by name, and ``embedding_optimizer``."""
        parts = {name: part.state_dict() for name, part in self.parts.items()}
        return {"embedding_optimizer": self.choice, **parts}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state of both."""
        for name, part in self.parts.items():
            part.load_state_dict(state[name])


def check_choice(optimizer: Optimizer | HybridOptimizer, state: dict[str, Any]) -> None:
    """Check that a saved state is one of this kind of optimiser.

    Args:
        optimizer: The optimiser that the state is to be loaded into.
        state: A state dict, as saved in a checkpoint.

    Raises:
        ValueError: The state was saved with another ``embedding_optimizer``.
    """
    current = getattr(optimizer, "choice", "dense")
    saved = state.get("embedding_optimizer", "dense")
    if current != saved:
        raise ValueError(
            f"The checkpoint was trained with embedding_optimizer: {saved}, and here it is "
            f"{current}; resume it with the one it was trained with."
        )


def fuse(optimizer: Optimizer, device: torch.device) -> Optimizer:
    """Switch Adam or SGD to torch's fused form, one pass over a parameter for the whole formula.

    The results are the same up to rounding; on a CPU a step takes about a quarter of the time.
    Other optimisers and devices are not changed.
    """
    if isinstance(optimizer, Adam | SGD) and device.type in ("cpu", "cuda"):
        for group in optimizer.param_groups:
            group["fused"] = True
    return optimizer


_TABLE_OPTIMIZERS: dict[str, Callable[..., TableOptimizer]] = {
    "deferred_adam": DeferredAdam,
    "sparse_adam": TableSparseAdam,
    "rowwise_adagrad": RowWiseAdagrad,
}


def make_tables_sparse(model: nn.Module, choice: str) -> list[nn.Embedding]:
    """Switch embedding tables to sparse gradients, as ``embedding_optimizer`` says.

    Args:
        model: The model; its tables are switched in place.
        choice: ``dense``, ``auto``, or one of the sparse optimisers, which take every table.

    Returns:
        The tables with sparse gradients.

    Raises:
        ValueError: ``choice`` is unknown.
    """
    known = ("auto", "dense", *_TABLE_OPTIMIZERS)
    if choice not in known:
        raise ValueError(
            f"embedding_optimizer: {choice!r} is not one of {', '.join(known)}; deferred_adam "
            "updates only the rows of a batch and gives the results of dense Adam"
        )
    if choice == "dense":
        return []
    min_rows = AUTO_ROWS if choice == "auto" else 0
    tables = [
        module
        for module in model.modules()
        if isinstance(module, nn.Embedding) and len(module.weight) >= min_rows
    ]
    for table in tables:
        table.sparse = True
    return tables


def hybrid(
    dense: Optimizer, tables: list[nn.Embedding], choice: str, learning_rate: float
) -> HybridOptimizer:
    """Combine the optimiser of the dense parameters with a new one of the sparse tables.

    Args:
        dense: Optimiser of the dense parameters.
        tables: Modules whose tables have sparse gradients.
        choice: One of the sparse optimisers of ``embedding_optimizer``, or ``auto``.
        learning_rate: Learning rate of the tables.
    """
    choice = "deferred_adam" if choice == "auto" else choice
    sparse = _TABLE_OPTIMIZERS[choice]([table.weight for table in tables], lr=learning_rate)
    sparse.update_before_reads(tables)
    return HybridOptimizer(dense, sparse, choice)
