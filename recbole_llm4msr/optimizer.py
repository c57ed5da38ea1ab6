"""Optimisers whose step costs what the batch touches, not what the vocabulary holds.

A dense embedding table makes every step update every row. With sparse gradients only the rows of
the batch are updated; the rest of the model keeps the optimiser that ``learner`` names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer, SparseAdam

#: `auto` makes tables sparse from this many rows on; below, a dense step is no slower.
AUTO_ROWS = 500_000


class RowWiseAdagrad(Optimizer):
    r"""Adagrad with one accumulator per row of an embedding table.

    .. math::
        G_r \leftarrow G_r + \tfrac{1}{D}\lVert g_r \rVert^2, \qquad
        w_r \leftarrow w_r - \eta\, g_r / (\sqrt{G_r} + \epsilon)

    The state is a D-th of Adam's. Only rows with a gradient are touched.

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

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:
        """Update the rows that have a gradient."""
        for group in self.param_groups:
            for table in group["params"]:
                if table.grad is None:
                    continue
                grad = table.grad.coalesce()
                rows, g = grad.indices()[0], grad.values()  # (n,), (n, D)
                state = self.state[table]
                if not state:
                    state["sum"] = table.new_zeros(len(table))
                state["sum"].index_add_(0, rows, g.square().mean(dim=1))
                scale = state["sum"][rows].sqrt_().add_(group["eps"])
                table.index_add_(0, rows, g / scale.unsqueeze(1), alpha=-group["lr"])


class HybridOptimizer:
    """One optimiser for the sparse tables and one for everything else, used as one.

    Args:
        dense: Optimiser of the dense parameters.
        sparse: Optimiser of the tables.
    """

    def __init__(self, dense: Optimizer, sparse: Optimizer) -> None:
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

    def state_dict(self) -> dict[str, Any]:
        """State of both, by name."""
        return {name: part.state_dict() for name, part in self.parts.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore both.

        Raises:
            ValueError: The state is that of another kind of optimiser.
        """
        if set(state) != set(self.parts):
            raise ValueError(
                "The checkpoint was trained with embedding_optimizer: dense; resume it with that."
            )
        for name, part in self.parts.items():
            part.load_state_dict(state[name])


_SPARSE: dict[str, Callable[..., Optimizer]] = {
    "sparse_adam": SparseAdam,
    "rowwise_adagrad": RowWiseAdagrad,
}


def make_tables_sparse(model: nn.Module, choice: str) -> list[nn.Parameter]:
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
    return [table.weight for table in tables]


def hybrid(
    dense: Optimizer, tables: list[nn.Parameter], choice: str, learning_rate: float
) -> HybridOptimizer:
    """Put the optimiser of the sparse tables beside that of the rest."""
    name = "sparse_adam" if choice == "auto" else choice
    return HybridOptimizer(dense, _SPARSE[name](tables, lr=learning_rate))
