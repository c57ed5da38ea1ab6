"""Simulated KuaiSAR: raw files to the published schema, quirks included, with known truth.

No row of the published data is in them. Reference of the schema: Sun et al., CIKM 2023,
arXiv 2306.07705. The planted effect is in :mod:`dataset_converters.simulate_world`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from dataset_converters import simulate_world as w
from dataset_converters.errors import ConverterError
from dataset_converters.report import Reporter
from dataset_converters.simulate_files import (
    FULL,
    SMALL,
    Layout,
    log_frame,
    write_item_features,
    write_social_network,
    write_user_features,
)
from dataset_converters.simulate_truth import (
    SimulatedTruth,
    read_by_all,
    truth_frame,
    write_truth,
)

_CHUNK = 300_000  # rows drawn at a time


@dataclass(frozen=True)
class Sizes:
    """How much to simulate: users, rows by scenario, videos by who shows them."""

    users: int
    rows: tuple[int, int]
    videos: tuple[int, int, int]
    layout: Layout


def sizes_of(scale: float | str) -> Sizes:
    """Resolve ``small``, ``full``, or a share of the full release.

    Raises:
        ConverterError: It is neither, or not in (0, 1].
    """
    small, full = (3_171_231, 7_493_101), (5_059_169, 14_605_716)
    if scale == "small":
        # Distinct items of search, of recommendation and of both, as published.
        videos = (4_195_529 - 2_281_034, 2_012_476 + 2_281_034 - 4_195_529, 0)
        return Sizes(25_877, small, (*videos[:2], 4_195_529 - 2_012_476), SMALL)
    videos = (6_890_707 - 4_046_367, 3_026_189 + 4_046_367 - 6_890_707, 6_890_707 - 3_026_189)
    if scale == "full":
        return Sizes(25_877, full, videos, FULL)
    try:
        share = float(scale)
    except ValueError as error:
        raise ConverterError(f"--scale={scale}: a number, small or full") from error
    if not 0 < share <= 1:
        raise ConverterError(f"--scale={scale}: a share of the full release, above 0 up to 1")
    fewest = 4 * len(w.CATEGORIES)
    rows = tuple(max(round(n * share), 200) for n in full)
    return Sizes(
        max(round(25_877 * share), 10),
        (rows[0], rows[1]),
        tuple(max(round(n * share), fewest) for n in videos),  # type: ignore[arg-type]
        FULL,
    )


def simulate_kuaisar(
    output: Path,
    *,
    scale: float | str = 0.01,
    seed: int = 1,
    reporter: Reporter | None = None,
) -> SimulatedTruth:
    """Write simulated raw files of KuaiSAR.

    Args:
        output: Folder to make; must not exist or be empty.
        scale: Share of the full release's users, rows and items, or ``small`` or ``full``
            for the published counts (and the columns of that release).
        seed: The same seed and scale give the same files.
        reporter: Where progress goes.

    Returns:
        The planted truth. Beside the five CSV files lie ``truth.json``,
        ``truth_interests.parquet`` (a row per user and category), ``truth_search.parquet`` and
        ``truth_recommendation.parquet`` (a row per row of the log, in its order: the
        probability of a click to the three readers; its user, item and time find it again) and
        ``SIMULATED.txt``.

    Raises:
        ConverterError: The scale is none, or the folder is in use.
    """
    sizes = sizes_of(scale)
    output, reporter = Path(output).absolute(), reporter or Reporter(quiet=True)
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ConverterError(f"--output={output} is there already and not empty")
    rng = np.random.default_rng(seed)
    world = w.make_world(sizes.users, sizes.videos, rng)
    folder = output.parent / f".{output.name}.partial-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        with reporter.running():
            rows: list[dict[str, object]] = []
            for scenario in (w.SEARCH, w.RECOMMENDATION):
                truth = _write_log(folder, world, sizes, scenario, rng, reporter)
                truth.write_parquet(folder / f"truth_{w.NAMES[scenario]}.parquet")
                rows += read_by_all(truth, w.NAMES[scenario])
            write_user_features(folder, sizes.users, sizes.layout, rng)
            write_social_network(folder, sizes.users, rng)
            write_item_features(folder, world, sizes.layout, rng, reporter)
        parameters = write_truth(folder, world, *sizes.rows, rows, scale, seed)
        if output.exists():
            output.rmdir()
        folder.rename(output)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return SimulatedTruth(output, parameters, rows)


def _write_log(
    folder: Path,
    world: w.World,
    sizes: Sizes,
    scenario: int,
    rng: np.random.Generator,
    reporter: Reporter,
) -> pl.DataFrame:
    """Write ``src_inter.csv`` or ``rec_inter.csv``; return the truth of its rows."""
    name = ("src_inter.csv", "rec_inter.csv")[scenario]
    truth: list[pl.DataFrame] = []
    total, done = sizes.rows[scenario], 0
    with (folder / name).open("wb") as file, reporter.meter(name, total) as meter:
        for users, counts in _user_chunks(sizes.users, total, rng):
            drawn = draw_rows(world, scenario, users, counts, rng)
            frame = log_frame(world, scenario, drawn, sizes.layout, rng, first_row=done)
            frame.write_csv(file, include_header=done == 0)
            truth.append(truth_frame(frame, drawn))
            done += frame.height
            meter.update(done, frame.height)
    return pl.concat(truth)


def _user_chunks(
    users: int, rows: int, rng: np.random.Generator
) -> Iterator[tuple[slice, np.ndarray]]:
    """Share out ``rows`` over users of very different activity, in chunks of users."""
    activity = rng.lognormal(0, 0.9, users)
    counts = rng.multinomial(rows, activity / activity.sum())
    edges = np.unique(np.searchsorted(np.cumsum(counts), np.arange(_CHUNK, rows, _CHUNK)))
    for start, stop in zip(np.r_[0, edges], np.r_[edges, users], strict=True):
        if counts[start:stop].sum():
            yield slice(int(start), int(stop)), counts[start:stop]


@dataclass(frozen=True)
class Drawn:
    """Rows of a log with their truth; every array is (n,)."""

    user: np.ndarray  # position of the user
    begins: np.ndarray  # whether a session (or a served batch) begins here
    fraction: np.ndarray  # moment as a share of the period
    category: np.ndarray
    theme: np.ndarray
    video: np.ndarray  # position of the video
    clicked: np.ndarray
    crossing: np.ndarray  # interest only visible in the other scenario's past
    oracle: np.ndarray
    both_scenarios: np.ndarray
    own_scenario: np.ndarray


def draw_rows(
    world: w.World, scenario: int, users: slice, counts: np.ndarray, rng: np.random.Generator
) -> Drawn:
    """Draw the rows of some users.

    Args:
        world: The truth.
        scenario: SEARCH or RECOMMENDATION.
        users: Which users.
        counts: Rows of each of them.
        rng: Source of randomness.
    """
    local = np.repeat(np.arange(len(counts)), counts)
    n = len(local)
    begins = rng.random(n) < 1 / (5 if scenario == w.SEARCH else 6)
    begins |= np.r_[True, local[1:] != local[:-1]]
    group = np.cumsum(begins) - 1
    # Moments rise within a user: the user's number is the whole part while sorting.
    moment = np.sort(local[begins] + rng.random(int(begins.sum())))
    fraction = np.minimum(moment - local[begins], 1 - 1e-9)[group]
    late = fraction >= w.SWITCH
    chance = rng.random(n).astype(np.float32)
    if scenario == w.SEARCH:
        chance = chance[begins][group]  # a query is about one category
    early_cdf = world.exposure(scenario, users, before=True)
    late_cdf = world.exposure(scenario, users, before=False)
    category = np.empty(n, np.int64)
    for cdf, rows in ((early_cdf, ~late), (late_cdf, late)):
        category[rows] = (cdf[local[rows]] < chance[rows, None]).sum(1)
    category = np.minimum(category, len(w.CATEGORIES) - 1)
    low, high = world.bounds[:, scenario][category], world.bounds[:, scenario + 2][category]
    video = low + ((high - low) * rng.random(n) ** 1.6).astype(np.int64)
    if scenario == w.SEARCH:  # now and then a session lists an item again
        again = np.flatnonzero(~begins & (rng.random(n) < 0.02))
        video[again] = video[again - 1]
    theme = video % len(w.THEMES)
    user = local + users.start
    base, interest = world.logits(scenario, user, category, theme)
    oracle = w.expected_click(base, interest, 0.0)
    crossing = late & (world.first_seen[user, category] == 1 - scenario)
    other = world.interest[1 - scenario][user, category]
    known = w.expected_click(base, w.SHARED * other, float(np.sqrt(1 - w.SHARED**2)))
    unknown = w.expected_click(base, np.zeros(n), 1.0)
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
        both_scenarios=np.where(crossing, known, oracle),
        own_scenario=np.where(crossing, unknown, oracle),
    )
