"""Simulated KuaiSAR: raw files to the published schema, quirks included, with known truth.

No row of the published data is in them. Reference of the schema: Sun et al., CIKM 2023,
arXiv 2306.07705. The planted effect is in :mod:`dataset_converters.simulate_world`.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

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

_CHUNK = 300_000  # rows drawn at a time


@dataclass(frozen=True)
class Sizes:
    """How much to simulate: users, rows by scenario, videos by who shows them."""

    users: int
    rows: tuple[int, int]
    videos: tuple[int, int, int]
    layout: Layout


@dataclass(frozen=True)
class SimulatedTruth:
    """What was planted and what it is worth; also in ``truth.json``.

    Attributes:
        folder: Where the raw files are.
        parameters: The planted numbers.
        auc: Rows of ``scenario``, ``rows`` (which), ``n``, and the AUC of three readers of the
            truth: ``oracle`` (the planted probability), ``both_scenarios`` (what can be known
            from the logs of both: the best a model can reach), ``own_scenario`` (what can be known
            without carrying an interest from one scenario to the other).
    """

    folder: Path
    parameters: dict[str, object]
    auc: list[dict[str, object]]

    def show(self, console: Console) -> None:
        """Print the table that ends a simulation."""
        table = Table(title=f"simulated KuaiSAR in {self.folder}: AUC of readers of the truth")
        for name in self.auc[0]:
            table.add_column(name.replace("_", " "), justify="left" if name == "rows" else "right")
        for row in self.auc:
            table.add_row(*[f"{v:,}" if isinstance(v, int) else _shown(v) for v in row.values()])
        console.print(table)


def _shown(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


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
        probability of a click to the three readers) and ``SIMULATED.txt``.

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
                rows += _readers(truth, w.NAMES[scenario])
            write_user_features(folder, sizes.users, sizes.layout, rng)
            write_social_network(folder, sizes.users, rng)
            write_item_features(folder, world, sizes.layout, rng, reporter)
        parameters = _write_truth(folder, world, sizes, rows, scale, seed)
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
            truth.append(_truth_frame(drawn))
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


def _truth_frame(drawn: Drawn) -> pl.DataFrame:
    readers = ("oracle", "both_scenarios", "own_scenario")
    return pl.DataFrame(
        {
            "clicked": drawn.clicked,
            "crossing": drawn.crossing,
            "fraction": drawn.fraction.astype(np.float32),
            **{name: getattr(drawn, name).astype(np.float32) for name in readers},
        }
    )


def _readers(truth: pl.DataFrame, scenario: str) -> list[dict[str, object]]:
    """AUC of the three readers: over all rows, the last tenth of the period, and its crossing."""
    last = pl.col("fraction") >= 0.9
    kinds = {
        "all": pl.lit(True),
        "last tenth": last,
        "last tenth, crossing": last & pl.col("crossing"),
    }
    rows = []
    for kind, condition in kinds.items():
        part = truth.filter(condition)
        label = part["clicked"].to_numpy()
        row: dict[str, object] = {"scenario": scenario, "rows": kind, "n": part.height}
        for reader in ("oracle", "both_scenarios", "own_scenario"):
            row[reader] = w.auc(part[reader].to_numpy(), label)
        rows.append(row)
    return rows


def _write_truth(
    folder: Path,
    world: w.World,
    sizes: Sizes,
    rows: list[dict[str, object]],
    scale: float | str,
    seed: int,
) -> dict[str, object]:
    parameters: dict[str, object] = {
        "scale": scale,
        "seed": seed,
        "users": sizes.users,
        "search_rows": sizes.rows[0],
        "recommendation_rows": sizes.rows[1],
        "videos": int(sum(sizes.videos)),
        "shared_variance": w.SHARED,
        "strength": w.STRENGTH,
        "pairs_seen_in_one_scenario_first": 2 * w.ONE_SCENARIO_FIRST,
        "switch": w.SWITCH,
        "intercept": dict(zip(w.NAMES, w.INTERCEPT, strict=True)),
    }
    text = json.dumps({"simulated": True, "parameters": parameters, "auc": rows}, indent=2)
    (folder / "truth.json").write_text(text + "\n")
    n_categories = len(w.CATEGORIES)
    seen = np.array([*w.NAMES, "both"])
    pl.DataFrame(
        {
            "user_id": np.repeat(np.arange(1, sizes.users + 1), n_categories),
            "category": np.tile(np.array(w.CATEGORIES), sizes.users),
            "shared": world.shared.ravel(),
            "search": world.interest[w.SEARCH].ravel(),
            "recommendation": world.interest[w.RECOMMENDATION].ravel(),
            "first_seen": seen[world.first_seen.ravel()],
        }
    ).write_parquet(folder / "truth_interests.parquet")
    (folder / "SIMULATED.txt").write_text(
        "These files are simulated. They follow the schema of KuaiSAR (arXiv 2306.07705) and hold\n"
        "no row of it. truth.json tells what was planted.\n"
    )
    return parameters
