"""Samples per second on a GPU by batch size, overhead of LLM4MSR and share of loading."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from speed.figure import Bound, Figure, Parameters, Results, Row, Settings

_DATASET = "ids-gpu"
_BATCHES = (4096, 32768)
_MODELS = ("STAR", "LLM4MSR_STAR")


def _prepare(settings: Settings) -> dict[str, Any]:
    import torch

    if not torch.cuda.is_available():
        return {}
    from speed.data import write_vocabulary

    sizes = {"ids": 1_000_000, "rows": 4_000_000, "users": 25_877}
    if not settings.is_full:
        sizes = {"ids": 50_000, "rows": 500_000, "users": 1000}
    write_vocabulary(settings.data_path, _DATASET, **sizes)
    return {**sizes, "device": torch.cuda.get_device_name()}


def _cases(settings: Settings, facts: dict[str, Any]) -> dict[str, Parameters]:
    if not facts:
        print("gpu: left out, this machine has no CUDA device", flush=True)
        return {}
    return {
        f"{model}, batch {size}": {"model": model, "batch": size, **facts}
        for size in _BATCHES
        for model in _MODELS
    }


def _measure(settings: Settings, parameters: Parameters) -> dict[str, Any]:
    """Time whole epochs between synchronisations of the device; then the loader alone.

    The first epoch, which packs the rows, moves the tables to the device and warms up, is left out.
    """
    import torch

    from speed.build import build

    options = {
        "use_gpu": True,
        "train_batch_size": parameters["batch"],
        "embedding_optimizer": "deferred_adam",
        "knowledge": "random",
        "knowledge_path": settings.knowledge_path,
    }
    run = build(True, parameters["model"], settings.data_path, _DATASET, options)
    loader, trainer = run.loaders[0], run.trainer

    def seconds(work: Any) -> float:
        torch.cuda.synchronize()
        start = perf_counter()
        work()
        torch.cuda.synchronize()
        return perf_counter() - start

    def feed() -> None:
        for batch in loader:
            batch.to(trainer.device)

    seconds(lambda: trainer._train_epoch(loader, 0))
    epoch, feeding = seconds(lambda: trainer._train_epoch(loader, 1)), seconds(feed)
    return {
        "samples_per_second": loader.sample_size / epoch,
        "feeding_percent": 100 * feeding / epoch,
        "device_peak_gib": torch.cuda.max_memory_allocated() / 2**30,
    }


def _rows(results: Results) -> list[Row]:
    rows = []
    for size in _BATCHES:
        ours, bare = (
            results.series(f"{model}, batch {size}", "samples_per_second", "samples/s")
            for model in ("LLM4MSR_STAR", "STAR")
        )
        feeding = results.series(f"LLM4MSR_STAR, batch {size}", "feeding_percent", "%")
        note = results.cases[f"STAR, batch {size}"]["device"]
        bound, what = Bound("ratio", most=1.15), f"LLM4MSR_STAR, batches of {size:,}"
        rows.append(Row(what, ours, "STAR", bare, "", bound, note))
        rows.append(Row(f"{what}, feeding, of a step", feeding))
    return rows


FIGURE = Figure(
    name="gpu",
    title="samples a second on a GPU, batches of 4,096 and 32,768",
    prepare=_prepare,
    cases=_cases,
    measure=_measure,
    rows=_rows,
)
