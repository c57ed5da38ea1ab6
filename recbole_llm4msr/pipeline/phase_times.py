"""Seconds of the phases of a run."""

from __future__ import annotations

from contextlib import contextmanager
from time import perf_counter


class PhaseTimes(dict):
    """Seconds of each phase of a run, by name."""

    @contextmanager
    def __call__(self, name: str):
        """Measure the block that follows under a name."""
        start = perf_counter()
        yield
        self[name] = round(perf_counter() - start, 3)
