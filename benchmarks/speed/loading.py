"""Loading a large data set from its files, and again from the cache."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from speed.clock import Clock
from speed.figure import Bound, Figure, Parameters, Results, Row, Settings

#: Name of the data set.
DATASET = "log"


def prepare(settings: Settings) -> dict[str, int]:
    """Write the data set, and return its sizes."""
    from speed.data import write_log

    sizes = {"rows": 14_600_000, "users": 25_877, "items": 4_050_000}
    if not settings.is_full:
        sizes = {"rows": 200_000, "users": 1000, "items": 50_000}
    write_log(settings.data_path, DATASET, **sizes, user_columns=4)
    return sizes


def _cases(settings: Settings, sizes: dict[str, int]) -> dict[str, Parameters]:
    return {
        "first time": {"ours": True, "kept": False, **sizes},
        "again": {"ours": True, "kept": True, **sizes},
        "RecBole, first time": {"ours": False, "kept": False, **sizes},
        "RecBole, saved": {"ours": False, "kept": True, **sizes},
    }


def _measure(settings: Settings, parameters: Parameters) -> dict[str, Any]:
    """Time loading of the data set, and the way to the first batch with its deferred work."""
    from speed.build import config_of, dataset_of, loaders_of
    from speed.data import read_through, remove_cache

    ours, kept = parameters["ours"], parameters["kept"]
    saved = Path(settings.output) / "saved"
    if not kept and ours:
        remove_cache(settings.data_path, DATASET)
    elif not kept:
        shutil.rmtree(saved, ignore_errors=True)
    read_through(settings.data_path, DATASET)
    config = config_of(
        ours,
        "STAR" if ours else "DeepFM",
        settings.data_path,
        DATASET,
        {"checkpoint_dir": str(saved)},
    )
    clock = Clock()
    with clock("loaded"):
        dataset = dataset_of(config)
    if not kept and not ours:
        with clock("saving"):
            dataset.save()
    with clock("loaders"):
        loaders = loaders_of(config, dataset)
    with clock("batch"):
        next(iter(loaders[0]))
    first = clock["loaded_seconds"] + clock["loaders_seconds"] + clock["batch_seconds"]
    return {**clock, "first_batch_seconds": first}


def _rows(results: Results) -> list[Row]:
    def row(what: str, ours: str, theirs: str, key: str, least: float | None = None) -> Row:
        unit, gain = ("GiB", "as small") if key.endswith("gib") else ("s", "as fast")
        bound = None if least is None else Bound("ratio", least=least)
        mine, other = results.series(ours, key, unit), results.series(theirs, key, unit)
        return Row(what, mine, theirs, other, gain, bound)

    first, again, plain, saved = "first time", "again", "RecBole, first time", "RecBole, saved"
    return [
        row("first time", first, plain, "loaded_seconds", 10),
        row("first time, peak memory", first, plain, "loaded_peak_gib", 3),
        row("first time, to the first batch", first, plain, "first_batch_seconds"),
        row("again", again, plain, "loaded_seconds", 40),
        row("again", again, saved, "loaded_seconds"),
        row("again, to the first batch", again, plain, "first_batch_seconds"),
        row("again, to the first batch", again, saved, "first_batch_seconds"),
        row("again, to the first batch, peak memory", again, saved, "batch_peak_gib"),
    ]


FIGURE = Figure(
    name="load",
    title="14.6 million rows of 5 columns, 25,877 users, 4.05 million items: loading",
    prepare=prepare,
    cases=_cases,
    measure=_measure,
    rows=_rows,
)
