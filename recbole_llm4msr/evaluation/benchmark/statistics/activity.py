"""Test AUC by user activity: groups of test rows by the user's number of training rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean

import numpy as np
import polars as pl
from sklearn.metrics import roc_auc_score

from recbole_llm4msr.evaluation.benchmark.execution.records import Run, read_predictions

#: Number of groups of test rows, of about equal size.
GROUPS = 4


def group_by_activity(runs: Sequence[Run], folder: Path) -> list[Run]:
    """Return the runs with AUC per activity group in place of the metrics per scenario.

    The groups end at the quartiles of the first run's test rows, the same for all runs.

    Args:
        runs: Final runs of a study.
        folder: Folder of the runs, where their predictions are.

    Returns:
        The runs whose predictions exist and have ``train_rows``; empty if all quartiles are equal.
    """
    bounds: np.ndarray | None = None
    grouped = []
    for run in runs:
        if not (folder / (run.predictions or "")).is_file():
            continue
        frame = read_predictions(folder, run)
        if "train_rows" not in frame.columns:
            continue
        train_rows = frame["train_rows"].to_numpy()
        if bounds is None:
            quantiles = np.arange(1, GROUPS) / GROUPS
            inner = np.unique(np.quantile(train_rows, quantiles, method="lower"))
            bounds = inner[inner < train_rows.max()]
        if len(bounds):
            grouped.append(replace(run, test=_group_aucs(run, frame, train_rows, bounds)))
    return grouped


def _group_aucs(
    run: Run, frame: pl.DataFrame, train_rows: np.ndarray, bounds: np.ndarray
) -> dict[str, float | None]:
    """AUC of all rows, of each group, and the mean of the groups."""
    label, score = (frame[name].to_numpy() for name in ("label", "score"))
    group = np.searchsorted(bounds, train_rows)  # a bound belongs to the group below it
    aucs = {
        f"auc@{name}": _auc(label[group == index], score[group == index])
        for index, name in enumerate(_group_names(bounds))
    }
    known = [value for value in aucs.values() if value is not None]
    return {**aucs, "auc@mean": fmean(known) if known else None, "auc": run.test.get("auc")}


def _group_names(bounds: np.ndarray) -> list[str]:
    """Names of the groups, by training rows: ``up to 9``, ``10 to 14``, ``over 14``."""
    between = [
        f"{low + 1} to {high}" if low + 1 < high else f"{high}" for low, high in pairwise(bounds)
    ]
    return [f"up to {bounds[0]}", *between, f"over {bounds[-1]}"]


def _auc(label: np.ndarray, score: np.ndarray) -> float | None:
    return float(roc_auc_score(label, score)) if 0 < label.sum() < len(label) else None
