"""Optimisers whose step costs what the batch touches, not what the vocabulary holds.

A dense embedding table makes every step update every row. With sparse gradients only the rows of
the batch are updated; the rest of the model keeps the optimiser that ``learner`` names, in torch's
fused form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim import SGD, Adam, Optimizer, SparseAdam

from recbole_llm4msr.deferred_adam import DeferredAdam

#: `auto` makes tables sparse from this many rows on; below, a dense step is no slower.
AUTO_ROWS = 500_000


class _RowWise(Optimizer):
    """An optimiser of embedding tables with sparse gradients, which touches only their rows."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:
        """Update the rows that have a gradient."""
        for group in self.param_groups:
            for table in group["params"]:
                if table.grad is None:
                    continue
                grad = table.grad.coalesce()
                rows, g = grad.indices()[0], grad.values()  # (n,), (n, D)
                table.index_add_(0, rows, self._step_of(table, rows, g, group), alpha=-group["lr"])

    def _step_of(
        self, table: nn.Parameter, rows: torch.Tensor, g: torch.Tensor, group: dict[str, Any]
    ) -> torch.Tensor:
        """Update the state of ``rows`` (n,) by their gradients (n, D); their steps, (n, D)."""
        raise NotImplementedError


class RowWiseAdagrad(_RowWise):
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

    def _step_of(self, table, rows, g, group) -> torch.Tensor:
        state = self.state[table]
        if not state:
            state["sum"] = table.new_zeros(len(table))
        state["sum"].index_add_(0, rows, g.square().mean(dim=1))
        return g / state["sum"][rows].sqrt_().add_(group["eps"]).unsqueeze(1)


class RowWiseAdam(_RowWise):
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

    def _step_of(self, table, rows, g, group) -> torch.Tensor:
        state, (beta1, beta2) = self.state[table], group["betas"]
        if not state:
            state["step"] = 0
            state["mean"] = torch.zeros_like(table, memory_format=torch.preserve_format)
            state["square"] = table.new_zeros(len(table))
        state["step"] += 1
        mean = F.embedding(rows, state["mean"]).lerp_(g, 1 - beta1)
        square = state["square"][rows].lerp_(g.square().mean(dim=1), 1 - beta2)
        state["mean"].index_copy_(0, rows, mean)
        state["square"].index_copy_(0, rows, square)
        mean = mean / (1 - beta1 ** state["step"])
        square = square / (1 - beta2 ** state["step"])
        return mean / square.sqrt_().add_(group["eps"]).unsqueeze(1)


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

    def settle(self) -> None:
        """Do what the optimiser of the tables put off, before a table is read as a whole."""
        if isinstance(self.parts["sparse"], DeferredAdam):
            self.parts["sparse"].settle()

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


def fuse(optimizer: Optimizer, device: torch.device) -> Optimizer:
    """Let Adam or SGD update a parameter in one pass instead of one for every term of its formula.

    The same numbers but for rounding; on a CPU in about a quarter of the time. Other optimisers and
    devices are left alone.
    """
    if isinstance(optimizer, Adam | SGD) and device.type in ("cpu", "cuda"):
        for group in optimizer.param_groups:
            group["fused"] = True
    return optimizer


_SPARSE: dict[str, Callable[..., Optimizer]] = {
    "deferred_adam": DeferredAdam,
    "sparse_adam": SparseAdam,
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
    kind = DeferredAdam if choice == "auto" else _SPARSE[choice]
    sparse = kind([table.weight for table in tables], lr=learning_rate)
    if isinstance(sparse, DeferredAdam):
        sparse.read_by(tables)
    return HybridOptimizer(dense, sparse)
