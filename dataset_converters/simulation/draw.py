"""Draw the rows of a simulated log: sessions, times, videos, clicks, click probabilities."""

from __future__ import annotations

import numpy as np

from dataset_converters.simulation import world as w
from dataset_converters.simulation.drawn import Drawn


def draw_rows(
    world: w.World, scenario: int, users: slice, counts: np.ndarray, rng: np.random.Generator
) -> Drawn:
    """Draw the rows of some users.

    Args:
        world: The planted truth.
        scenario: SEARCH or RECOMMENDATION.
        users: Range of user indices.
        counts: Number of rows of each of them.
        rng: Random generator.
    """
    offset = np.repeat(np.arange(len(counts)), counts)
    n = len(offset)
    begins = rng.random(n) < 1 / (5 if scenario == w.SEARCH else 6)
    begins |= np.r_[True, offset[1:] != offset[:-1]]
    group = np.cumsum(begins) - 1
    # Sorting offset + fraction orders the moments within each user.
    moment = np.sort(offset[begins] + rng.random(int(begins.sum())))
    fraction = np.minimum(moment - offset[begins], 1 - 1e-9)[group]
    late = fraction >= w.SWITCH
    chance = rng.random(n).astype(np.float32)
    if scenario == w.SEARCH:
        chance = chance[begins][group]  # all rows of a query have one category
    early_cdf = world.exposure(scenario, users, before=True)
    late_cdf = world.exposure(scenario, users, before=False)
    category = np.empty(n, np.int64)
    for cdf, rows in ((early_cdf, ~late), (late_cdf, late)):
        category[rows] = (cdf[offset[rows]] < chance[rows, None]).sum(1)
    category = np.minimum(category, len(w.CATEGORIES) - 1)
    low, high = world.bounds[:, scenario][category], world.bounds[:, scenario + 2][category]
    video = low + ((high - low) * rng.random(n) ** 1.6).astype(np.int64)
    if scenario == w.SEARCH:  # some sessions list an item again
        repeats = np.flatnonzero(~begins & (rng.random(n) < 0.02))
        video[repeats] = video[repeats - 1]
    theme = video % len(w.THEMES)
    user = offset + users.start
    base, interest = world.logits(scenario, user, category, theme)
    oracle = w.expected_click(base, interest, 0.0)
    crossing = late & (world.first_seen[user, category] == 1 - scenario)
    other_interest = world.interest[1 - scenario][user, category]
    given_other = w.expected_click(base, w.SHARED * other_interest, float(np.sqrt(1 - w.SHARED**2)))
    given_nothing = w.expected_click(base, np.zeros(n), 1.0)
    return Drawn(
        user=user,
        begins=begins,
        fraction=fraction,
        category=category,
        theme=theme,
        video=video,
        clicked=rng.random(n) < oracle,
        crossing=crossing,
        oracle=oracle,
        both_scenarios=np.where(crossing, given_other, oracle),
        own_scenario=np.where(crossing, given_nothing, oracle),
    )
