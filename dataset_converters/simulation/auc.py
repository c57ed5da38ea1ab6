"""Compute the area under the ROC curve with numpy alone."""

from __future__ import annotations

import numpy as np


def auc(score: np.ndarray, label: np.ndarray) -> float | None:
    """Return the area under the ROC curve, ties counted half; None if only one class occurs.

    Args:
        score: (n,) scores.
        label: (n,) booleans.
    """
    order = np.argsort(score, kind="stable")
    score, positive = score[order], label[order].astype(np.int64)
    starts = np.flatnonzero(np.r_[True, score[1:] != score[:-1]]) if len(score) else []
    total, wins = int(positive.sum()), 0.0
    if total in (0, len(score)):
        return None
    ups = np.add.reduceat(positive, starts)
    downs = np.add.reduceat(1 - positive, starts)
    wins = float(np.sum(ups * (np.cumsum(downs) - 0.5 * downs)))
    return wins / (total * (len(score) - total))
