"""Adam on embedding tables, equal to the dense one, at the cost of the rows that are read."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from recbole_llm4msr.training.optim.row_wise import TableOptimizer


class DeferredAdam(TableOptimizer):
    r"""Adam, with the steps of a row that rests put off until it is read again.

    Dense Adam moves a row on after its gradient has become zero, for as long as its first moment
    lasts; an optimiser that leaves resting rows alone ends somewhere else. Here such steps are made
    up for at once when the row is next read: after :math:`k` steps at rest since step :math:`t`,

    .. math::
        w \leftarrow w - \eta \sum_{j=1}^{k}
            \frac{\beta_1^j m / (1 - \beta_1^{t+j})}
                 {\sqrt{\beta_2^j v / (1 - \beta_2^{t+j})} + \epsilon}, \qquad
        m \leftarrow \beta_1^k m, \qquad v \leftarrow \beta_2^k v

    Without :math:`\epsilon` the sum is :math:`m / \sqrt v` times a number that depends on
    :math:`t` and :math:`k` alone. With it, the terms of a sum weigh :math:`\epsilon` alike, as
    they do on average: exact where :math:`\epsilon` is small or large beside the root, and nearly
    so in between.

    Call :meth:`read_by` for the modules that read the tables, and :meth:`settle` before a table is
    read in any other way (evaluation, a checkpoint). The learning rate of the deferred steps is the
    one at the time when they are made up for.

    Reference:
        Diederik P. Kingma and Jimmy Ba. "Adam: A Method for Stochastic Optimization." ICLR 2015,
        algorithm 1. Putting off the steps of parameters that nobody reads: Bob Carpenter. "Lazy
        Sparse Stochastic Gradient Descent for Regularized Multinomial Logistic Regression." 2008.

    Args:
        params: Embedding tables whose gradients are sparse.
        lr: Learning rate.
        betas: Decay of the first and of the second moment.
        eps: Added to the root.

    Raises:
        ValueError: The first moment lasts so long that the deferred steps have no end.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        if not 0 < betas[0] ** 2 < betas[1] < 1:
            raise ValueError(f"betas: {betas} make steps of a row at rest grow without end")
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})
        self._sums: dict[Any, torch.Tensor] = {}

    def read_by(self, tables: Iterable[nn.Embedding]) -> None:
        """Bring the rows up to date that these modules read in training, before they do."""
        hook = torch.compiler.disable(self._before_reading)
        for table in tables:
            table.register_forward_pre_hook(hook)

    @torch.no_grad()
    def _before_reading(self, table: nn.Embedding, args: tuple[torch.Tensor, ...]) -> None:
        if table.training and self.state.get(table.weight):
            groups = self.param_groups
            group = next(g for g in groups if any(p is table.weight for p in g["params"]))
            self._advance(table.weight, args[0].flatten(), None, group)

    def _update(self, table, rows, grad, group) -> None:
        if not self.state[table]:
            self.state[table] = {
                "step": 0,
                "mean": torch.zeros_like(table, memory_format=torch.preserve_format),
                "square": torch.zeros_like(table, memory_format=torch.preserve_format),
                "last": torch.zeros(len(table), dtype=torch.int32, device=table.device),
            }
        self._advance(table, rows, grad, group)
        self.state[table]["step"] += 1

    @torch.no_grad()
    def settle(self, rows_at_a_time: int = 1 << 20) -> None:
        """Bring every row up to date, so that the tables are what dense Adam would have made."""
        for group in self.param_groups:
            for table in filter(self.state.get, group["params"]):
                for rows in torch.arange(len(table), device=table.device).split(rows_at_a_time):
                    self._advance(table, rows, None, group)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state, with whole numbers of steps: torch makes floats of all tensors."""
        super().load_state_dict(state_dict)
        for state in self.state.values():
            state["last"] = state["last"].int()

    def _advance(
        self,
        table: nn.Parameter,
        rows: torch.Tensor,
        grad: torch.Tensor | None,
        group: dict[str, Any],
    ) -> None:
        """Make up for the steps that ``rows`` (n,) rested, then make one with ``grad`` (n, D).

        A row may occur several times where there is no gradient: it is written the same each time.
        """
        state, lr, eps = self.state[table], group["lr"], group["eps"]
        (beta1, beta2), step = group["betas"], state["step"]
        last = state["last"][rows]
        # Where looking costs no waiting for the device, what needs nothing done is left out.
        look = rows.device.type == "cpu"
        if look and grad is None:
            resting = ((last < step) & (last > 0)).nonzero().squeeze(1)
            rows, last = rows[resting], last[resting]
        tables = table, state["mean"], state["square"]
        # F.embedding gathers rows several times as fast as indexing does.
        weight, mean, square = (F.embedding(rows, t) for t in tables)  # (n, D)

        if not look or (last < step).any():
            rested = (step - last).to(table.dtype).unsqueeze(1)  # (n, 1)
            scaled, plain = self._sums_of_rest(last, rested, step, group["betas"])
            root = square.sqrt().add_(torch.where(rested > 0, scaled / plain, 1).mul_(eps))
            weight.addcdiv_(mean.mul(scaled), root, value=-lr)
            mean *= torch.exp(rested * math.log(beta1))
            square *= torch.exp(rested * math.log(beta2))
        if grad is not None:
            step += 1
            mean.lerp_(grad, 1 - beta1)
            square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
            root = (square / (1 - beta2**step)).sqrt_().add_(eps)
            weight.addcdiv_(mean, root, value=-lr / (1 - beta1**step))
        for whole, part in zip(tables, (weight, mean, square), strict=True):
            whole.index_copy_(0, rows, part)
        state["last"].index_fill_(0, rows, step)

    def _sums_of_rest(
        self, last: torch.Tensor, rested: torch.Tensor, step: int, betas: tuple[float, float]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The sums over the steps at rest, ``(n, 1)`` each; see :func:`endless_sums`.

        Those of a rest with an end are those without one, less what comes after the end.
        """
        key = betas, last.device, rested.dtype
        if key not in self._sums or len(self._sums[key]) <= step:
            sums = endless_sums(2 * step + 1024, betas)
            self._sums[key] = sums.to(last.device, rested.dtype)
        sums = self._sums[key]
        decayed = torch.cat([torch.exp(rested * math.log(d)) for d in _decays(betas)], dim=1)
        return (F.embedding(last, sums) - sums[step] * decayed).split(1, dim=1)


def _decays(betas: tuple[float, float]) -> tuple[float, float]:
    """By what the terms of both sums shrink at each step of rest."""
    return betas[0] / math.sqrt(betas[1]), betas[0]


def endless_sums(length: int, betas: tuple[float, float]) -> torch.Tensor:
    r"""Sums over the steps of a row that rests for ever since step :math:`t`.

    .. math::
        \sum_{j \ge 1} \frac{\beta_1^j}{1 - \beta_1^{t+j}}
            \sqrt{\frac{1 - \beta_2^{t+j}}{\beta_2^j}}, \qquad
        \sum_{j \ge 1} \frac{\beta_1^j}{1 - \beta_1^{t+j}}

    Args:
        length: Number of steps.
        betas: Decay of the first and of the second moment.

    Returns:
        Both for ``t = 0 .. length - 1``, shape ``(length, 2)``, in double precision.
    """
    beta1, beta2 = betas
    n_terms = math.ceil(math.log(1e-13) / math.log(max(_decays(betas))))
    steps = torch.arange(1, length + n_terms, dtype=torch.float64)
    corrections = 1 / (1 - beta1**steps)
    values = torch.stack([corrections * (1 - beta2**steps).sqrt(), corrections]).unsqueeze(0)
    terms = torch.tensor(_decays(betas), dtype=torch.float64).view(2, 1, 1)
    kernel = terms ** torch.arange(1, n_terms + 1, dtype=torch.float64)  # (2, 1, n_terms)
    return F.conv1d(values, kernel, groups=2)[0].T.contiguous()
