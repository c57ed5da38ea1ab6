"""Runs made up for tests."""

from __future__ import annotations

from typing import Any

from recbole_llm4msr.evaluation.benchmark.records import Run


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
