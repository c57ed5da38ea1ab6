"""Latency of scoring the candidates of one user, with and without the meta layers."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from speed.amazon import DATASET, prepare
from speed.figure import Bound, Figure, Parameters, Results, Row, Settings

_CANDIDATES = (100, 1000)
_MODELS = ("STAR", "LLM4MSR_STAR")
_WARM_UP = 50


def _cases(settings: Settings, _: Any) -> dict[str, Parameters]:
    requests = 2000 if settings.is_full else 200
    return {f"{n} candidates": {"candidates": n, "requests": requests} for n in _CANDIDATES}


def _measure(settings: Settings, parameters: Parameters) -> dict[str, Any]:
    """Time the same requests to both models in turn: one user, and items drawn at random."""
    import numpy as np
    import torch
    from recbole.data.interaction import Interaction

    from speed.build import build

    knowledge = {"knowledge": "random", "knowledge_path": settings.knowledge_path}
    runs = {model: build(True, model, settings.data_path, DATASET, knowledge) for model in _MODELS}
    n, dataset = parameters["candidates"], runs["STAR"].dataset
    taken: dict[str, list[float]] = {model: [] for model in _MODELS}
    torch.manual_seed(0)
    with torch.no_grad():
        for request_index in range(_WARM_UP + parameters["requests"]):
            user, scenario = (
                torch.randint(1, dataset.num(field), (1,)).expand(n)
                for field in (dataset.uid_field, dataset.scenario_field)
            )
            request = Interaction(
                {
                    dataset.uid_field: user,
                    dataset.iid_field: torch.randint(1, dataset.item_num, (n,)),
                    dataset.scenario_field: scenario,
                }
            )
            for model in _MODELS[:: -1 if request_index % 2 else 1]:
                network = runs[model].model.eval()
                start = perf_counter()
                network.predict(request)
                taken[model].append(1e3 * (perf_counter() - start))
    return {
        f"{model}_p{percent}_ms": float(np.percentile(times[_WARM_UP:], percent))
        for model, times in taken.items()
        for percent in (50, 99)
    }


def _rows(results: Results) -> list[Row]:
    rows = []
    for case in results.cases:
        ours, bare = (results.series(case, f"{model}_p50_ms", "ms") for model in _MODELS[::-1])
        bound = Bound("ratio", most=1.2)
        rows.append(Row(f"LLM4MSR_STAR, {case}, p50", ours, "STAR", bare, "", bound))
        ours, bare = (results.series(case, f"{model}_p99_ms", "ms") for model in _MODELS[::-1])
        bound = Bound("ours", most=10)
        rows.append(Row(f"LLM4MSR_STAR, {case}, p99", ours, "STAR", bare, "", bound))
    return rows


FIGURE = Figure(
    name="serving",
    title="latency of scoring 100 and 1,000 candidates of one user",
    prepare=prepare,
    cases=_cases,
    measure=_measure,
    rows=_rows,
    is_interleaved=False,
    needs_data=True,
)
