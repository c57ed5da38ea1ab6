"""Batches per second of the loaders alone, by the number of columns."""

from __future__ import annotations

from statistics import median
from time import perf_counter
from typing import Any

from speed.figure import Bound, Figure, Parameters, Results, Row, Settings

_COLUMNS = (5, 20, 40)
_EPOCHS = 3


def _prepare(settings: Settings) -> dict[str, int]:
    from speed.data import write_fields

    rows = 1_000_000 if settings.is_full else 50_000
    for columns in _COLUMNS:
        write_fields(settings.data_path, f"fields-{columns}", rows=rows, columns=columns)
    return {"rows": rows}


def _cases(settings: Settings, sizes: dict[str, int]) -> dict[str, Parameters]:
    return {
        f"{side}, {columns} columns": {"ours": side == "ours", "columns": columns, **sizes}
        for columns in _COLUMNS
        for side in ("ours", "RecBole")
    }


def _measure(settings: Settings, parameters: Parameters) -> dict[str, Any]:
    """Time epochs of shuffled batches without training, after a first one that packs the rows."""
    from speed.build import config_of, dataset_of, loaders_of

    ours, dataset = parameters["ours"], f"fields-{parameters['columns']}"
    model = "STAR" if ours else "DeepFM"
    config = config_of(ours, model, settings.data_path, dataset, {})
    loader = loaders_of(config, dataset_of(config))[0]
    seconds = []
    for _ in range(1 + _EPOCHS):
        start = perf_counter()
        for _batch in loader:
            pass
        seconds.append(perf_counter() - start)
    first, rest = seconds[0], median(seconds[1:])
    return {"batches_per_second": len(loader) / rest, "first_epoch_seconds": first}


def _rows(results: Results) -> list[Row]:
    def row(columns: int) -> Row:
        ours, theirs = (
            results.series(f"{side}, {columns} columns", "batches_per_second", "batches/s")
            for side in ("ours", "RecBole")
        )
        bound = Bound("ratio", least=10)
        return Row(f"{columns} columns", ours, "RecBole's loader", theirs, "as fast", bound)

    return [row(columns) for columns in _COLUMNS]


FIGURE = Figure(
    name="loader",
    title="batches of 4,096 rows a second, by columns",
    prepare=_prepare,
    cases=_cases,
    measure=_measure,
    rows=_rows,
)
