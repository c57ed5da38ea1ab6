"""Patch RecBole's exhaustive search for current releases of hyperopt.

What:     ``exhaustive_search`` of ``recbole.trainer.hyper_tuning`` (1.2.1), which is what RecBole's
          ``run_hyper`` searches by, draws from ``np.random.RandomState``.
Why:      hyperopt 0.2.6 and later draw from numpy's ``Generator``, whose ``integers`` a
          ``RandomState`` lacks.
When not: everything else in that module sees numpy as it is.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from recbole.trainer import hyper_tuning


class _NumpyOfTuning:
    """``numpy`` as RecBole's tuning sees it: the same, but for the random generator."""

    random = SimpleNamespace(RandomState=np.random.default_rng)

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


def draw_from_generator() -> None:
    """Let RecBole's exhaustive search draw from a generator."""
    hyper_tuning.np = _NumpyOfTuning()
