"""Import RecBole's quick start without ray, which is imported when tuning uses it.

What:     ``recbole.quick_start.quick_start`` (1.2.1) runs ``from ray import tune`` at import and
          uses it in one line of ``objective_function``, ``tune.report(**test_result)``.
Why:      ray costs seconds and need not be installed to train; and since 2.7 its ``tune.report``
          takes the metrics as one dictionary.
How:      ``ray.tune`` is replaced there by an object that imports the real one at its first use.
          ``report`` calls Ray's in the form that the installed release takes. Where nothing has
          imported ``ray.tune``, this is not a trial of Ray, and ``report`` does nothing: hyperopt
          replaces ``sys.stdout`` while it runs a trial, where ``ray.tune`` cannot be imported.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import warnings
from collections.abc import Mapping
from types import ModuleType
from typing import Any


class _TuneOnDemand(ModuleType):
    """Placeholder of ``ray.tune`` that imports ray at the first access to an attribute."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(importlib.import_module("ray.tune"), name)

    @staticmethod
    def report(metrics: Mapping[str, Any] | None = None, **more: Any) -> None:
        """Report to Ray, from metrics written either way."""
        report_to_ray({**(metrics or {}), **more})


def report_to_ray(metrics: dict[str, Any]) -> None:
    """Report the metrics of a trial to Ray, if Ray runs it."""
    if "ray.tune" not in sys.modules:
        return
    ray_report = sys.modules["ray.tune"].report
    with warnings.catch_warnings():
        # Ray is imported, but this is not one of its trials: then it only warns.
        warnings.filterwarnings("ignore", message=".*is meant to only be called inside")
        if "metrics" in inspect.signature(ray_report).parameters:
            ray_report(metrics)
        else:
            ray_report(**metrics)


def import_quick_start_without_ray() -> None:
    """Import ``recbole.quick_start`` with a stand-in for ``ray.tune``."""
    stand_in = _TuneOnDemand("ray.tune")
    if "recbole.quick_start.quick_start" not in sys.modules:
        ray, sys.modules["ray"] = sys.modules.get("ray"), ModuleType("ray")
        sys.modules["ray"].tune = stand_in
        try:
            importlib.import_module("recbole.quick_start")
        finally:  # other code imports the real ray
            del sys.modules["ray"]
            if ray is not None:
                sys.modules["ray"] = ray
    importlib.import_module("recbole.quick_start.quick_start").tune = stand_in
