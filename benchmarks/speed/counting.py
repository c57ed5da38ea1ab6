"""Loading a large data set with and without the counts and checks of its rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from speed.clock import Clock
from speed.figure import Bound, Figure, Parameters, Results, Row, Settings
from speed.loading import DATASET, prepare

ON, OFF = "with counts and checks", "without"


def _cases(settings: Settings, sizes: dict[str, int]) -> dict[str, Parameters]:
    return {ON: {"counts": True, **sizes}, OFF: {"counts": False, **sizes}}


@contextmanager
def _switched_off() -> Iterator[None]:
    """Replace every function that only counts or checks rows by one that does nothing."""
    from recbole_llm4msr.data import atomic, dataset, encoded, row_changes

    def nothing(*arguments: object, **options: object) -> None:
        return None

    @contextmanager
    def uncounted(*arguments: object) -> Iterator[None]:
        yield

    names = {
        row_changes.RowChanges: ["add"],
        atomic: ["_refuse_nan"],
        encoded: ["check_loaded", "warn_of_repeated_keys", "drop_empty_keys", "count_filled"],
        dataset: ["check_labels", "check_splits"],
    }
    with ExitStack() as stack:
        for place, functions in names.items():
            for name in functions:
                stack.enter_context(patch.object(place, name, nothing))
        stack.enter_context(patch.object(row_changes.RowChanges, "dropped", uncounted))
        yield


def _measure(settings: Settings, parameters: Parameters) -> dict[str, Any]:
    """Time reading the files without a cache, and the splits."""
    from speed.build import config_of, dataset_of, loaders_of
    from speed.data import read_through, remove_cache

    remove_cache(settings.data_path, DATASET)
    read_through(settings.data_path, DATASET)
    config = config_of(True, "STAR", settings.data_path, DATASET, {"dataset_cache": False})
    clock = Clock()
    with ExitStack() as stack:
        if not parameters["counts"]:
            stack.enter_context(_switched_off())
        with clock("loaded"):
            dataset = dataset_of(config)
        with clock("split"):
            loaders_of(config, dataset)
    both = {
        key: clock[f"loaded_{key}"] + clock[f"split_{key}"] for key in ("seconds", "cpu_seconds")
    }
    return {**clock, **{f"both_{key}": value for key, value in both.items()}}


def _rows(results: Results) -> list[Row]:
    def row(what: str, key: str, bound: Bound | None = None) -> Row:
        unit = "GiB" if key.endswith("gib") else "s"
        mine, other = (results.series(case, key, unit) for case in (ON, OFF))
        return Row(what, mine, OFF, other, bound=bound)

    return [
        row("reading", "loaded_seconds", Bound("ratio", most=1.03)),
        row("reading, CPU time", "loaded_cpu_seconds", Bound("ratio", most=1.03)),
        row("reading and splitting", "both_seconds", Bound("ratio", most=1.03)),
        row("reading and splitting, CPU time", "both_cpu_seconds", Bound("ratio", most=1.03)),
        row("reading and splitting, peak memory", "split_peak_gib"),
    ]


FIGURE = Figure(
    name="counting",
    title="the data of `load`: what counting and checking the rows takes",
    prepare=prepare,
    cases=_cases,
    measure=_measure,
    rows=_rows,
)
