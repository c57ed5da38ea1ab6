"""Rows drawn for a simulated log, with the truth about each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Drawn:
    """Rows of a log with their truth; every array is (n,).

    Attributes:
        user: Index of the user.
        begins: Whether a search session, or a batch of recommendations, begins with the row.
        fraction: Time of the row as a fraction of the period, in [0, 1).
        category: Index of the first-level category.
        theme: Index of the second-level category within the first.
        video: Index of the video.
        clicked: Whether the user clicks.
        crossing: Whether only the past of the other scenario shows the user's interest.
        oracle: Planted click probability.
        both_scenarios: Expected click probability given both logs.
        own_scenario: Expected click probability given the log of this scenario only.
    """

    user: np.ndarray
    begins: np.ndarray
    fraction: np.ndarray
    category: np.ndarray
    theme: np.ndarray
    video: np.ndarray
    clicked: np.ndarray
    crossing: np.ndarray
    oracle: np.ndarray
    both_scenarios: np.ndarray
    own_scenario: np.ndarray
