"""Simulate KuaiSAR: write raw files to the published schema, quirks included, with known truth.

They contain no row of the published data. Reference of the schema: Sun et al., CIKM 2023, arXiv
2306.07705. The planted effect is described in :mod:`dataset_converters.simulation.world`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from dataset_converters.errors import ConverterError
from dataset_converters.full_disk import naming_full_disk
from dataset_converters.simulation import world as w
from dataset_converters.simulation.draw import draw_rows
from dataset_converters.simulation.feature_files import (
    write_item_features,
    write_social_network,
    write_user_features,
)
from dataset_converters.simulation.log_frames import log_frame
from dataset_converters.simulation.sizes import Sizes, sizes_of
from dataset_converters.simulation.truth import (
    SimulatedTruth,
    auc_rows,
    truth_frame,
    write_truth,
)
from dataset_converters.staging import remove_abandoned, staging_path
from dataset_converters.writing import Reporter

_CHUNK_ROWS = 300_000  # rows drawn at a time


def simulate_kuaisar(
    output: Path,
    *,
    scale: float | str = 0.01,
    seed: int = 1,
    reporter: Reporter | None = None,
) -> SimulatedTruth:
    """Write simulated raw files of KuaiSAR.

    Args:
        output: Folder to create; it must be empty or not exist.
        scale: Share of the full release's users, rows and items, or ``small`` or ``full``
            for the published counts (and the columns of that release).
        seed: Seed of the random generator; the same seed and scale give the same files.
        reporter: Shows progress; None shows nothing.

    Returns:
        The planted truth. Besides the five CSV files the folder contains ``truth.json``,
        ``truth_interests.parquet`` (a row per user and category), ``truth_search.parquet`` and
        ``truth_recommendation.parquet`` (a row per row of the log, in the same order, with user,
        item, time and the click probabilities of three predictors), and ``SIMULATED.txt``.

    Raises:
        ConverterError: ``scale`` is not valid, or the folder is not empty.
    """
    sizes = sizes_of(scale)
    output, reporter = Path(output).absolute(), reporter or Reporter(quiet=True)
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ConverterError(f"--output={output} exists and is not empty")
    rng = np.random.default_rng(seed)
    world = w.make_world(sizes.users, sizes.videos, rng)
    remove_abandoned(output.parent, output.name)
    folder = staging_path(output)
    folder.mkdir(parents=True)
    try:
        with naming_full_disk(output, folder), reporter.running():
            rows: list[dict[str, object]] = []
            for scenario in (w.SEARCH, w.RECOMMENDATION):
                truth = _write_log(folder, world, sizes, scenario, rng, reporter)
                truth.write_parquet(folder / f"truth_{w.NAMES[scenario]}.parquet")
                rows += auc_rows(truth, w.NAMES[scenario])
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
    """Distribute ``rows`` over users of very different activity; yield chunks of users."""
    activity = rng.lognormal(0, 0.9, users)
    counts = rng.multinomial(rows, activity / activity.sum())
    edges = np.unique(np.searchsorted(np.cumsum(counts), np.arange(_CHUNK_ROWS, rows, _CHUNK_ROWS)))
    for start, stop in zip(np.r_[0, edges], np.r_[edges, users], strict=True):
        if counts[start:stop].sum():
            yield slice(int(start), int(stop)), counts[start:stop]
