"""RecBole's hyper-parameter tuning with today's hyperopt and ray, with our models."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest
import recbole.quick_start
from recbole.trainer import HyperTuning

import recbole_llm4msr
from recbole_llm4msr.compat import ray_on_demand
from tests.toy import toy_settings


def _ray() -> tuple[int, ...]:
    """The release of ray that is here, ``(0,)`` without one."""
    if importlib.util.find_spec("ray") is None:
        return (0,)
    return tuple(map(int, version("ray").split(".")[:2]))


ROOT = Path(recbole_llm4msr.__file__).parents[1]


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    """RecBole's objective sets the root logger up anew."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.core
@pytest.mark.parametrize("algorithm", ["exhaustive", "random", "bayes"])
@pytest.mark.parametrize("objective", ["RecBole's", "ours"])
def test_run_hyper_searches_with_hyperopt(toy, tmp_path, algorithm: str, objective: str) -> None:
    of = recbole.quick_start if objective == "RecBole's" else recbole_llm4msr
    settings = toy_settings(tmp_path, epochs=1)
    fixed = tmp_path / "fixed.yaml"
    fixed.write_text("".join(f"{k}: {v!r}\n" for k, v in settings.items() if v is not None))
    space = {"choice": {"model": ["STAR"], "dataset": ["toy"], "learning_rate": [0.001, 0.01]}}
    search = HyperTuning(
        of.objective_function,
        params_dict=space,
        fixed_config_file_list=[str(fixed)],
        algo=algorithm,
        max_evals=2,
    )
    search.run()
    search.export_result(str(tmp_path / "found.txt"))
    assert 1 <= len(search.params2result) <= 2
    assert (
        "auc@search" in search.params2result[search.params2str(search.best_params)]["test_result"]
    )
    if algorithm == "exhaustive":
        assert len(search.params2result) == 2


@pytest.mark.skipif(_ray() < (2, 7), reason="needs ray 2.7 or later: pip install '.[tune]'")
@pytest.mark.core
def test_ray_runs_trials_and_receives_their_metrics(toy, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    import ray
    from ray import tune

    settings = {**toy_settings(tmp_path, epochs=1), "model": "STAR", "dataset": "toy"}
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    try:
        found = tune.run(
            tune.with_parameters(recbole.quick_start.objective_function, config_file_list=None),
            config={**settings, "learning_rate": tune.grid_search([0.001])},
            storage_path=str(tmp_path / "ray"),
            verbose=0,
        )
        best = found.get_best_trial("auc@search", "max", "all")
        assert 0 < best.metric_analysis["auc"]["max"] < 1
        assert best.last_result["test_result"]["auc"] == best.metric_analysis["auc"]["max"]
    finally:
        ray.shutdown()


@pytest.mark.parametrize("release", ["2.6", "2.60"])
def test_metrics_are_reported_as_the_release_takes_them(monkeypatch, release: str) -> None:
    reported = []
    if release == "2.6":

        def report(_metric=None, **kwargs):
            reported.append(kwargs)
    else:

        def report(metrics, *, checkpoint=None):
            reported.append(metrics)

    tune = type("tune", (), {"report": staticmethod(report)})
    monkeypatch.setitem(ray_on_demand.sys.modules, "ray", tune)
    monkeypatch.setitem(ray_on_demand.sys.modules, "ray.tune", tune)
    quick_start = importlib.import_module("recbole.quick_start.quick_start")
    quick_start.tune.report(auc=0.5)
    quick_start.tune.report({"auc": 0.5})
    assert reported == [{"auc": 0.5}, {"auc": 0.5}]


def test_nothing_is_imported_to_report_outside_a_trial_of_ray(monkeypatch) -> None:
    """hyperopt replaces ``sys.stdout`` in a trial, where ray.tune cannot be imported."""
    monkeypatch.setitem(sys.modules, "ray", ModuleType("ray"))
    monkeypatch.delitem(sys.modules, "ray.tune", raising=False)
    ray_on_demand.report_to_ray({"auc": 0.5})
    assert "ray.tune" not in sys.modules
