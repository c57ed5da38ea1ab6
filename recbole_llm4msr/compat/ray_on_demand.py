"""RecBole's quick start without ray, until tuning asks for it.

What:     ``recbole.quick_start.quick_start`` (1.2.1) runs ``from ray import tune`` at import and
          uses it in one line, ``tune.report``, of ``objective_function``.
Why:      ray 2.6.3 costs seconds, needs ``pkg_resources`` (gone in setuptools 81), and fails to
          import on numpy 2 without the names it reads.
How:      while quick_start is imported, ``ray.tune`` is a stand-in that imports the real one at
          its first use. Where nothing has imported ray, no trial of its runs, and ``report`` has
          nobody to report to.
When not: ray, or quick_start, has been imported already.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any


class _TuneOnDemand(ModuleType):
    """Stands for ``ray.tune`` and becomes it when something is asked of it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "report" and "ray" not in sys.modules:
            return lambda **_: None
        return getattr(importlib.import_module("ray.tune"), name)


def import_quick_start_without_ray() -> None:
    """Import ``recbole.quick_start`` while ray stands aside."""
    if "ray" in sys.modules or "recbole.quick_start.quick_start" in sys.modules:
        return
    stand_in = ModuleType("ray")
    stand_in.tune = _TuneOnDemand("ray.tune")
    sys.modules["ray"] = stand_in
    try:
        importlib.import_module("recbole.quick_start")
    finally:
        # RecBole keeps its own reference to the stand-in; others shall find the real ray.
        del sys.modules["ray"]
