r"""Draw the planted truth of simulated KuaiSAR: interests, exposure, popularity, click model.

A user :math:`u` has, for each of the first-level categories :math:`c`, an interest in scenario
:math:`s` that is partly shared between search and recommendation:

.. math::
    \theta_{usc} = \sqrt{\rho}\, z_{uc} + \sqrt{1-\rho}\, e_{usc}, \qquad z, e \sim N(0, 1)

.. math::
    P(\text{click}) = \sigma(a_s + b_u + g_{c} + h_{c'} + \kappa\, \theta_{usc})

with :math:`c'` the second-level category. During the first four fifths of the period some pairs
(user, category) are shown in one scenario only. Afterwards they are shown in both, and in the new
scenario the interest can only be predicted from the other: :math:`E[\theta_{us} | \theta_{us'}] =
\rho\,\theta_{us'}`. These rows show whether a model transfers knowledge across scenarios.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CATEGORIES = (
    "game",
    "music",
    "dance",
    "Food",
    "Funny",
    "Travel",
    "education",
    "health",
    "life",
    "Star Entertainment",
    "Style",
    "Beauty Makeup",
    "Film, Television, and Short Dramas",
    "automobile",
    "sport",
    "Finance and Economics",
    "science",
    "High tech digital",
    "emotion",
    "animal",
    "Parent-child",
    "San Nong",
    "military affairs",
    "read",
    "photograph",
    "history",
)
THEMES = ("tutorial", "competition", "daily", "review", "news", "behind the scenes")
SEARCH, RECOMMENDATION = 0, 1
NAMES = ("search", "recommendation")
BOTH = 2  # a pair shown in both scenarios from the start

SHARED = 0.8  # rho: share of an interest's variance that both scenarios have in common
STRENGTH = 1.5  # kappa: standard deviation of the interest's part of the logit
ONE_SCENARIO_FIRST = (
    0.3  # share of pairs shown in search only at first, and of those in recommendation only
)
SWITCH = 0.8  # share of the period after which every pair is shown in both
INTERCEPT = (-1.6, 0.0)  # a_s: about a quarter and a half of the rows are clicked


@dataclass(frozen=True)
class World:
    """The truth of one simulation; U users, C categories, T themes, N videos.

    Attributes:
        interest: (2, U, C) float32, theta by scenario.
        shared: (U, C) float32, z.
        first_seen: (U, C) int8: SEARCH, RECOMMENDATION or BOTH.
        user_bias: (U,) float32.
        category_bias: (C,) float32.
        theme_bias: (C, T) float32.
        popularity: (C,) float64, sums to 1.
        bounds: (C, 4) int64: a category's videos are the rows ``b0 <= i < b3``; search shows
            ``b0 <= i < b2``, recommendation ``b1 <= i < b3``.
        video_id: (N,) int64, the id of each video.
    """

    interest: np.ndarray
    shared: np.ndarray
    first_seen: np.ndarray
    user_bias: np.ndarray
    category_bias: np.ndarray
    theme_bias: np.ndarray
    popularity: np.ndarray
    bounds: np.ndarray
    video_id: np.ndarray

    def logits(
        self, scenario: int, user: np.ndarray, category: np.ndarray, theme: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the logit without the user's interest, and that interest, (n,) each."""
        base = INTERCEPT[scenario] + self.user_bias[user] + self.category_bias[category]
        base = base + self.theme_bias[category, theme]
        return base, self.interest[scenario][user, category]

    def exposure(self, scenario: int, users: slice, *, before: bool) -> np.ndarray:
        """Return the cumulated probability of each category being shown, (users, C) float32."""
        weight = np.broadcast_to(self.popularity, self.first_seen[users].shape)
        if before:
            seen = self.first_seen[users]
            weight = np.where((seen == BOTH) | (seen == scenario), weight, 0.0)
        total = np.cumsum(weight, axis=1)
        return (total / total[:, -1:]).astype(np.float32)


def make_world(users: int, videos: tuple[int, int, int], rng: np.random.Generator) -> World:
    """Draw the planted truth.

    Args:
        users: Number of users.
        videos: Numbers of videos shown by search only, by both, by recommendation only.
        rng: Random generator.
    """
    n_categories, n_themes = len(CATEGORIES), len(THEMES)
    shape = (users, n_categories)
    shared = rng.standard_normal(shape, np.float32)
    separate = rng.standard_normal((2, *shape), np.float32)
    interest = np.sqrt(np.float32(SHARED)) * shared + np.sqrt(np.float32(1 - SHARED)) * separate
    draw = rng.random(shape)
    first_seen = np.full(shape, BOTH, np.int8)
    first_seen[draw < 2 * ONE_SCENARIO_FIRST] = RECOMMENDATION
    first_seen[draw < ONE_SCENARIO_FIRST] = SEARCH
    first_seen[:, :2] = BOTH  # so that every user has something to see
    popularity = 1.0 / (np.arange(n_categories) + 4.0)
    popularity /= popularity.sum()
    sizes = np.stack([_split(number, popularity) for number in videos], axis=1)  # (C, 3)
    ends = np.cumsum(sizes.ravel()).reshape(sizes.shape)
    bounds = np.concatenate([ends[:, :1] - sizes[:, :1], ends], axis=1)
    return World(
        interest=interest,
        shared=shared,
        first_seen=first_seen,
        user_bias=rng.normal(0, 0.5, users).astype(np.float32),
        category_bias=rng.normal(0, 0.3, n_categories).astype(np.float32),
        theme_bias=rng.normal(0, 0.3, (n_categories, n_themes)).astype(np.float32),
        popularity=popularity,
        bounds=bounds,
        video_id=rng.permutation(int(sizes.sum())) + 1,
    )


def _split(number: int, share: np.ndarray) -> np.ndarray:
    """Split a number by shares into integers of at least 1 that add up to it."""
    parts = np.maximum(np.floor(number * share).astype(np.int64), 1)
    parts[0] += number - parts.sum()
    return parts


def expected_click(base: np.ndarray, mean: np.ndarray, deviation: float) -> np.ndarray:
    r"""Return :math:`E[\sigma(\text{base} + \kappa(\text{mean} + \text{deviation}\,\epsilon))]`.

    Args:
        base: (n,) logit without the interest.
        mean: (n,) expected interest.
        deviation: Standard deviation of the unknown part of the interest.
    """
    middle = base + STRENGTH * mean
    if deviation == 0:
        return 1 / (1 + np.exp(-middle))
    grid = np.linspace(-16, 16, 6401)
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    shifted = grid[:, None] + STRENGTH * deviation * nodes
    table = (1 / (1 + np.exp(-shifted))) @ weights / weights.sum()
    return np.interp(middle, grid, table)
