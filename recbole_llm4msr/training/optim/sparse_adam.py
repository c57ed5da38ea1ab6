"""torch's SparseAdam, extended to tables that a model also reads as a whole."""

from __future__ import annotations

from collections.abc import Callable

from torch.optim import SparseAdam

from recbole_llm4msr.training.optim.table_optimizer import TableOptimizer


class TableSparseAdam(SparseAdam, TableOptimizer):
    """torch's SparseAdam; a table that a loss reads as a whole may have a dense gradient."""

    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """One step, after dense gradients have been converted to sparse ones."""
        for group in self.param_groups:
            for table in group["params"]:
                if table.grad is not None and not table.grad.is_sparse:
                    table.grad = table.grad.to_sparse(1)
        return super().step(closure)
