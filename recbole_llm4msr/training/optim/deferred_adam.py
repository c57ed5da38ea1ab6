"""Lazy Adam for embedding tables: the results of dense Adam at the cost of the rows read."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from recbole_llm4msr.training.optim.table_optimizer import RowOptimizer


class DeferredAdam(RowOptimizer):
    r"""Adam that postpones the updates of a row without gradient until the row is read again.

    Dense Adam keeps updating a row after its gradient has become zero, for as long as its first
    moment lasts; an optimiser that skips these updates gives other results. Here they are applied
    at once when the row is next read: after :math:`k` steps without gradient since step :math:`t`,

    .. math::
        w \leftarrow w - \eta \sum_{j=1}^{k}
            \frac{\beta_1^j m / (1 - \beta_1^{t+j})}
                 {\sqrt{\beta_2^j v / (1 - \beta_2^{t+j})} + \epsilon}, \qquad
        m \leftarrow \beta_1^k m, \qquad v \leftarrow \beta_2^k v

    Without :math:`\epsilon` the sum is :math:`m / \sqrt v` times a number that depends only on
    :math:`t` and :math:`k`. With it, every term gets the same, average weight of :math:`\epsilon`:
    exact where :math:`\epsilon` is much smaller or larger than the square root, and close to it in
    between.

    Call :meth:`update_before_reads` for the modules that read the tables, and :meth:`settle` before
    a table is read in any other way (evaluation, a checkpoint). Postponed updates use the learning
    rate at the time when they are applied.

    Reference:
        Diederik P. Kingma and Jimmy Ba. "Adam: A Method for Stochastic Optimization." ICLR 2015,
        algorithm 1. Postponing the updates of parameters that are not read: Bob Carpenter. "Lazy
        Sparse Stochastic Gradient Descent for Regularized Multinomial Logistic Regression." 2008.

    Args:
        params: Embedding tables whose gradients are sparse.
        lr: Learning rate.
        betas: Decay of the first and of the second moment.
        eps: Added to the square root in the denominator.

    Raises:
        ValueError: ``betas`` let the sum of the postponed updates diverge.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        if not 0 < betas[0] ** 2 < betas[1] < 1:
            raise ValueError(
                f"betas: {betas} let the postponed steps of a row grow without end; they need "
                "0 < betas[0] ** 2 < betas[1] < 1"
            )
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})
        self._unlimited_sums: dict[Any, torch.Tensor] = {}

    def update_before_reads(self, tables: Iterable[nn.Embedding]) -> None:
        """Bring the rows that these modules read in training up to date before each read."""
        hook = torch.compiler.disable(self._update_rows_read)
        for table in tables:
            table.register_forward_pre_hook(hook)

    @torch.no_grad()
    def _update_rows_read(self, table: nn.Embedding, args: tuple[torch.Tensor, ...]) -> None:
        if table.training and self.state.get(table.weight):
            groups = self.param_groups
            group = next(g for g in groups if any(p is table.weight for p in g["params"]))
            self._apply_steps(table.weight, args[0].flatten(), None, group)

    def _update(self, table, rows, grad, group) -> None:
        if not self.state[table]:
            self.state[table] = {
                "step": 0,
                "mean": torch.zeros_like(table, memory_format=torch.preserve_format),
                "square": torch.zeros_like(table, memory_format=torch.preserve_format),
                "last": torch.zeros(len(table), dtype=torch.int32, device=table.device),
            }
        self._apply_steps(table, rows, grad, group)
        self.state[table]["step"] += 1

    @torch.no_grad()
    def settle(self, rows_at_a_time: int = 1 << 20) -> None:
        """Bring every row up to date, so that the tables equal those of dense Adam."""
        for group in self.param_groups:
            for table in filter(self.state.get, group["params"]):
                for rows in torch.arange(len(table), device=table.device).split(rows_at_a_time):
                    self._apply_steps(table, rows, None, group)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state; step numbers become integers again, as torch casts all tensors."""
        super().load_state_dict(state_dict)
        for state in self.state.values():
            state["last"] = state["last"].int()

    def _apply_steps(
        self,
        table: nn.Parameter,
        rows: torch.Tensor,
        grad: torch.Tensor | None,
        group: dict[str, Any],
    ) -> None:
        """Apply the postponed steps of ``rows`` (n,), then one step with ``grad`` (n, D).

        Without a gradient a row may occur several times: each time the same values are written.
        """
        state, lr, eps = self.state[table], group["lr"], group["eps"]
        (beta1, beta2), step = group["betas"], state["step"]
        last = state["last"][rows]
        # On a CPU rows without postponed steps are skipped; a GPU would have to be waited for.
        on_cpu = rows.device.type == "cpu"
        if on_cpu and grad is None:
            behind = ((last < step) & (last > 0)).nonzero().squeeze(1)
            rows, last = rows[behind], last[behind]
        tables = table, state["mean"], state["square"]
        # F.embedding gathers rows several times as fast as indexing does.
        weight, mean, square = (F.embedding(rows, t) for t in tables)  # (n, D)

        if not on_cpu or (last < step).any():
            skipped = (step - last).to(table.dtype).unsqueeze(1)  # (n, 1)
            scaled, plain = self._sums_over_skipped(last, skipped, step, group["betas"])
            root = square.sqrt().add_(torch.where(skipped > 0, scaled / plain, 1).mul_(eps))
            weight.addcdiv_(mean.mul(scaled), root, value=-lr)
            mean *= torch.exp(skipped * math.log(beta1))
            square *= torch.exp(skipped * math.log(beta2))
        if grad is not None:
            step += 1
            mean.lerp_(grad, 1 - beta1)
            square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
            root = (square / (1 - beta2**step)).sqrt_().add_(eps)
            weight.addcdiv_(mean, root, value=-lr / (1 - beta1**step))
        for whole, part in zip(tables, (weight, mean, square), strict=True):
            whole.index_copy_(0, rows, part)
        state["last"].index_fill_(0, rows, step)

    def _sums_over_skipped(
        self, last: torch.Tensor, skipped: torch.Tensor, step: int, betas: tuple[float, float]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The sums over the skipped steps, ``(n, 1)`` each; see :func:`unlimited_sums`.

        A sum up to a step is the unlimited sum less the terms after that step.
        """
        key = betas, last.device, skipped.dtype
        if key not in self._unlimited_sums or len(self._unlimited_sums[key]) <= step:
            sums = unlimited_sums(2 * step + 1024, betas)
            self._unlimited_sums[key] = sums.to(last.device, skipped.dtype)
        sums = self._unlimited_sums[key]
        decayed = torch.cat([torch.exp(skipped * math.log(d)) for d in _decays(betas)], dim=1)
        return (F.embedding(last, sums) - sums[step] * decayed).split(1, dim=1)


def _decays(betas: tuple[float, float]) -> tuple[float, float]:
    """Factor by which the terms of each sum shrink at every skipped step."""
    return betas[0] / math.sqrt(betas[1]), betas[0]


def unlimited_sums(length: int, betas: tuple[float, float]) -> torch.Tensor:
    r"""Sums over all steps after step :math:`t` for a row that never gets a gradient again.

    .. math::
        \sum_{j \ge 1} \frac{\beta_1^j}{1 - \beta_1^{t+j}}
            \sqrt{\frac{1 - \beta_2^{t+j}}{\beta_2^j}}, \qquad
        \sum_{j \ge 1} \frac{\beta_1^j}{1 - \beta_1^{t+j}}

    Args:
        length: Number of steps.
        betas: Decay of the first and of the second moment.

    Returns:
        Both sums for ``t = 0 .. length - 1``, shape ``(length, 2)``, in double precision.
    """
    beta1, beta2 = betas
    n_terms = math.ceil(math.log(1e-13) / math.log(max(_decays(betas))))
    steps = torch.arange(1, length + n_terms, dtype=torch.float64)
    corrections = 1 / (1 - beta1**steps)
    values = torch.stack([corrections * (1 - beta2**steps).sqrt(), corrections]).unsqueeze(0)
    terms = torch.tensor(_decays(betas), dtype=torch.float64).view(2, 1, 1)
    kernel = terms ** torch.arange(1, n_terms + 1, dtype=torch.float64)  # (2, 1, n_terms)
    return F.conv1d(values, kernel, groups=2)[0].T.contiguous()
