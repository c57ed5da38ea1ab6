"""Runs, metrics, predictions and studies made up for tests."""

from __future__ import annotations

from typing import Any

import polars as pl

from recbole_llm4msr.evaluation.benchmark.execution import Run
from recbole_llm4msr.evaluation.benchmark.plan import Entry, Study


def make_run(**given: Any) -> Run:
    """A run of STAR on toy data, with ``given`` in it."""
    metrics = {"auc": 0.7, "logloss": 0.6, "gauc": 0.65}
    return Run(
        **{
            "run": "STAR",
            "model": "STAR",
            "dataset": "toy",
            "seed": 2020,
            "settings": {},
            "valid": metrics,
            "test": metrics,
            **given,
        }
    )


def metrics(auc: float | None, feed: float | None = 0.5) -> dict[str, float | None]:
    """Test metrics of a run with one scenario, ``feed``."""
    return {"auc": auc, "auc@feed": feed, "auc@mean": feed, "logloss": 0.5, "logloss@feed": 0.4}


def write_predictions(folder, name: str, label, user, scenario, score) -> str:
    """Write a file of predictions whose items are called like their users; return its name."""
    frame = {"user": user, "item": user, "scenario": scenario, "label": label, "score": score}
    pl.DataFrame(frame).write_parquet(folder / name)
    return name


def make_study(**more) -> Study:
    """A study of STAR with two settings, tuned over three learning rates, with ``more`` in it."""
    entries = (
        Entry("STAR", "STAR"),
        Entry("small", "STAR", {"embedding_size": 4}, "STAR", "STAR"),
    )
    given = {"entries": entries, "seeds": (1, 2), "settings": {"learning_rate": 0.5}, "tune": 9}
    space = {"learning_rate": [0.01, 0.02, 0.04]}
    return Study("toy", **{**given, "space": space, **more})
