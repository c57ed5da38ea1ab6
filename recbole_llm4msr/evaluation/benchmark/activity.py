"""Cold users against active ones: test AUC by how many training rows a row's user had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean

import numpy as np
import polars as pl
from sklearn.metrics import roc_auc_score

from recbole_llm4msr.evaluation.benchmark.records import Run

#: Number of groups of test rows, about as many rows in each.
GROUPS = 4


def by_activity(runs: Sequence[Run], folder: Path) -> list[Run]:
    """The runs with groups of users in the place of scenarios, by AUC alone.

    The groups are parted at the quartiles of the first run's test rows, for all runs alike.

    Args:
        runs: Final runs of a study.
        folder: Folder of the runs, where their predictions are.

    Returns:
        The runs whose predictions are there and say how many training rows a user had; empty where
        the quartiles part nothing.
    """
    bounds: np.ndarray | None = None
    grouped = []
    for run in runs:
        path = folder / (run.predictions or "")
        if not path.is_file() or "train_rows" not in pl.read_parquet_schema(path):
            continue
        frame = pl.read_parquet(path, columns=["label", "score", "train_rows"])
        seen = frame["train_rows"].to_numpy()
        if bounds is None:
            quantiles = np.arange(1, GROUPS) / GROUPS
            inner = np.unique(np.quantile(seen, quantiles, method="lower"))
            bounds = inner[inner < seen.max()]
        if len(bounds):
            grouped.append(replace(run, test=_test(run, frame, seen, bounds)))
    return grouped


def _test(
    run: Run, frame: pl.DataFrame, seen: np.ndarray, bounds: np.ndarray
) -> dict[str, float | None]:
    """AUC of all rows, of each group, and the mean of the groups."""
    label, score = (frame[name].to_numpy() for name in ("label", "score"))
    group = np.searchsorted(bounds, seen)  # a bound belongs to the group below it
    found = {
        f"auc@{name}": _auc(label[group == place], score[group == place])
        for place, name in enumerate(_names(bounds))
    }
    known = [value for value in found.values() if value is not None]
    return {**found, "auc@mean": fmean(known) if known else None, "auc": run.test.get("auc")}


def _names(bounds: np.ndarray) -> list[str]:
    """``up to 9``, ``10 to 14``, ``over 14`` training rows."""
    between = [
        f"{low + 1} to {high}" if low + 1 < high else f"{high}" for low, high in pairwise(bounds)
    ]
    return [f"up to {bounds[0]}", *between, f"over {bounds[-1]}"]


def _auc(label: np.ndarray, score: np.ndarray) -> float | None:
    return float(roc_auc_score(label, score)) if 0 < label.sum() < len(label) else None
