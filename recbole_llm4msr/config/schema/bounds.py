"""Bounds of numbers: one table for the settings of this package and of RecBole.

A list of numbers, or a mapping to numbers, has the bounds for each of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Bounds:
    """The smallest and the largest value of a number.

    Attributes:
        low: Lower bound.
        high: Upper bound; ``inf`` for none.
        example: A valid value to name where a number is too small or next to an open bound.
        above: Whether ``low`` itself is outside.
        below: Whether ``high`` itself is outside.
    """

    low: float
    high: float
    example: float
    above: bool = False
    below: bool = False

    def contains(self, number: float) -> bool:
        """Whether a number is inside; NaN and infinity never are."""
        if not math.isfinite(number):
            return False
        lower = number > self.low if self.above else number >= self.low
        return lower and (number < self.high if self.below else number <= self.high)

    def nearest(self, number: float) -> float:
        """The upper bound for a number above it, else the example."""
        return self.high if number >= self.high and not self.below else self.example

    def description(self) -> str:
        """The bounds in words: ``above 0 and at most 10``."""
        parts = [f"{'above' if self.above else 'at least'} {self.low:g}"]
        if math.isfinite(self.high):
            parts.append(f"{'below' if self.below else 'at most'} {self.high:.10g}")
        return " and ".join(parts)


def _rows(keys: str, bounds: Bounds) -> dict[str, Bounds]:
    return dict.fromkeys(keys.split(), bounds)


def _at_least(low: int) -> Bounds:
    return Bounds(low, math.inf, low)


_PROBABILITY = Bounds(0, 1, 0.1, below=True)
_SHARE = Bounds(0, 1, 0.5)
_RATE = Bounds(0, 10, 0.001, above=True)
_PLACES = Bounds(0, 15, 4)

BOUNDS: dict[str, Bounds] = {
    # epochs: 0 tests the untrained model, eval_step: 0 never validates, as in RecBole.
    **_rows("epochs eval_step", Bounds(0, math.inf, 1)),
    **_rows("stopping_step worker weight_decay min_count", _at_least(0)),
    **_rows("train_batch_size eval_batch_size user_block_size nan_check_interval", _at_least(1)),
    **_rows("topk MAX_ITEM_LIST_LENGTH seq_len", _at_least(1)),
    **_rows("metric_decimal_place loss_decimal_place", _PLACES),
    **_rows("learning_rate embedding_learning_rate", _RATE),
    "seed": Bounds(0, 2**32 - 1, 2020),
    # Models; some check what depends on several of their options themselves.
    "embedding_size": Bounds(1, 65536, 16),
    **_rows("dropout_prob meta_dropout_prob dropout_probs", _PROBABILITY),
    **_rows("hidden_dropout_prob attn_dropout_prob", _PROBABILITY),
    **_rows("mlp_hidden_size tower_hidden_size expert_hidden_size", _at_least(1)),
    **_rows("hyper_hidden_size aux_hidden_size gate_hidden_size", _at_least(1)),
    **_rows("domain_hidden_size expert_size adapter_size", _at_least(1)),
    **_rows("routing_iterations n_levels expert_num", _at_least(1)),
    **_rows("generated_rank hyper_rank", Bounds(1, 4096, 16)),
    **_rows("alpha_scenario alpha_task beta_scenario sparsity_range", _SHARE),
    **_rows("sparsity_weight reg_weight", _at_least(0)),
    # Meta levels
    **_rows("meta_rank item_meta_rank", Bounds(1, 4096, 16)),
    **_rows("user_meta_layers meta_code_size item_meta_code_size", _at_least(1)),
    **_rows("scenario_meta_hidden_size", _at_least(1)),
    "meta_weight_decay": _at_least(0),
}


def bounds_error(key: str, value: Any) -> str | None:
    """Describe what a value out of its bounds should be, and the nearest one that is.

    Args:
        key: Name of the setting.
        value: A number, a list or a mapping of numbers; anything else is not looked at.

    Returns:
        The end of a sentence, or ``None`` where all numbers are within their bounds.
    """
    bounds = BOUNDS.get(key)
    if bounds is None:
        return None
    for number in _numbers(value):
        if not bounds.contains(number):
            near = bounds.nearest(number)
            shown = int(near) if float(near).is_integer() else near
            return f"has to be {bounds.description()}, as {shown}"
    return None


def _numbers(value: Any) -> Iterable[float]:
    if isinstance(value, dict):
        value = list(value.values())
    parts = value if isinstance(value, list | tuple) else [value]
    return [p for p in parts if isinstance(p, int | float) and not isinstance(p, bool)]
