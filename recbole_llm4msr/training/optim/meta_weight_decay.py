r"""Decoupled weight decay of the meta networks.

Reference:
    Ilya Loshchilov and Frank Hutter. "Decoupled Weight Decay Regularization." ICLR 2019,
    Algorithm 2 (AdamW).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch.optim import Optimizer


def decay_before_steps(
    optimizer: Optimizer, parameters: Iterable[torch.nn.Parameter], decay: float
) -> None:
    r"""Shrink parameters before every step of an optimiser, whichever its rule is.

    .. math:: \theta \leftarrow (1 - \eta \lambda)\, \theta

    with the learning rate :math:`\eta` of the parameter's group, so that a scheduler reaches it.
    With Adam the result is that of AdamW. Nothing is kept from step to step. A step that a loss
    scaler skips shrinks nothing.

    Args:
        optimizer: Optimiser of the parameters, and of any others.
        parameters: What is shrunk; a parameter without a gradient is left as it is.
        decay: :math:`\lambda`, at least 0.

    Raises:
        ValueError: ``decay`` is negative, or a step would change the sign of the parameters.
    """
    highest = max(group["lr"] for group in optimizer.param_groups)
    if decay < 0 or decay * highest >= 1:
        raise ValueError(
            f"meta_weight_decay: {decay:g} is not in the range from 0 to 1 / learning_rate = "
            f"{1 / highest:g}"
        )
    shrunk = {id(parameter) for parameter in parameters}

    @torch.no_grad()
    def shrink(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        # A fused optimiser decides in its step whether the scaler has found an overflow.
        skipped = getattr(optimizer, "found_inf", None)
        for group in optimizer.param_groups:
            ours = [p for p in group["params"] if id(p) in shrunk and p.grad is not None]
            if not ours:
                continue
            keep = 1 - group["lr"] * decay
            if skipped is not None:
                keep = 1 - (1 - keep) * (1 - skipped)
            torch._foreach_mul_(ours, keep)

    optimizer.register_step_pre_hook(shrink)
