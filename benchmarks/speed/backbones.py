"""Overhead of LLM4MSR on every backbone: time of a training step and an evaluation batch."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter, process_time
from typing import Any

from speed.amazon import DATASET, prepare
from speed.figure import Bound, Figure, Parameters, Results, Row, Settings, cpu_note

_BATCHES = {"train": 3, "eval": 2}  # batches per turn
# The defaults, and two cheaper forms of the user level.
_VARIANTS = {
    "": {},
    ", rank 8, blocks of 4": {"meta_rank": 8, "user_block_size": 4},
    ", diagonal, blocks of 4": {"meta_rank": "diag", "user_block_size": 4},
}
_KINDS = {"train": ("a training step", 1.3), "eval": ("an evaluation batch", 1.15)}


def pair_cases(
    settings: Settings, backbone: str, dataset: str, common: dict[str, Any]
) -> dict[str, Parameters]:
    """Make a case for every form of LLM4MSR on a backbone; both sides have ``common`` settings."""
    turns = 12 if settings.is_full else 3
    return {
        f"{backbone}{suffix}": {
            "backbone": backbone,
            "dataset": dataset,
            "turns": turns,
            "settings": common,
            "variant": options,
        }
        for suffix, options in _VARIANTS.items()
    }


def _cases(settings: Settings, known: dict[str, list[str]]) -> dict[str, Parameters]:
    names = settings.backbones or (known["backbones"] if settings.is_full else ["STAR", "MMoE"])
    return {
        case: parameters
        for name in names
        for case, parameters in pair_cases(settings, name, DATASET, {}).items()
    }


def measure(settings: Settings, parameters: Parameters) -> dict[str, Any]:
    """Time both models in one process, on the same batches, in turn.

    ``settings`` of the parameters are those of both models, ``variant`` those of LLM4MSR alone.
    """
    from speed.build import build, config_of, model_of
    from speed.steps import costliest_operations, profile_steps

    backbone, dataset = parameters["backbone"], parameters["dataset"]
    options = {
        "knowledge": "random",
        "knowledge_path": settings.knowledge_path,
        **parameters["settings"],
        **parameters["variant"],
    }
    run = build(True, f"LLM4MSR_{backbone}", settings.data_path, dataset, options)
    train = _first(run.loaders[0], _BATCHES["train"])
    evaluation = [batch[0] for batch in _first(run.loaders[1], _BATCHES["eval"])]
    if parameters.get("profile"):
        training = profile_steps(run.trainer, run.loaders[0], 10, 3)
        _predict(run.model, evaluation)
        scoring = costliest_operations(lambda: _predict(run.model, evaluation), len(evaluation))
        return {"profiles": {"training": training, "evaluation": scoring}}
    config = config_of(True, backbone, settings.data_path, dataset, parameters["settings"])
    bare, trainer = model_of(config, run.loaders[0].dataset)
    work = {
        ("train", "bare"): lambda: _train(trainer, train),
        ("train", "whole"): lambda: _train(run.trainer, train),
        ("eval", "bare"): lambda: _predict(bare, evaluation),
        ("eval", "whole"): lambda: _predict(run.model, evaluation),
    }
    times: dict[str, Any] = {}
    for (kind, side), (wall, cpu) in _in_turn(work, parameters["turns"]).items():
        n = len(train if kind == "train" else evaluation)
        times[f"{kind}_{side}_ms"] = 1e3 * wall / n
        times[f"{kind}_{side}_cpu_ms"] = 1e3 * cpu / n
    return times


def _first(loader: Any, n: int) -> list:
    return [batch for batch, _ in zip(loader, range(n), strict=False)]


def _train(trainer: Any, batches: list) -> tuple[float, float]:
    """Return wall and CPU seconds of the steps, without the end of the epoch."""
    from speed.steps import TimedLoader

    timed = TimedLoader(batches)
    trainer._train_epoch(timed, 0)
    return sum(timed.wall), sum(timed.cpu)


def _predict(model: Any, batches: list) -> tuple[float, float]:
    """Return wall and CPU seconds of ``predict``."""
    import torch

    wall, cpu = perf_counter(), process_time()
    model.eval()
    with torch.no_grad():
        for batch in batches:
            model.predict(batch)
    return perf_counter() - wall, process_time() - cpu


def _in_turn(
    work: dict[Any, Callable[[], tuple[float, float]]], turns: int
) -> dict[Any, tuple[float, float]]:
    """Return medians of wall and CPU seconds, after two turns of warm-up.

    Every other turn runs in reverse order, so that no work always follows the same other one.
    """
    taken: dict[Any, list[tuple[float, float]]] = {name: [] for name in work}
    for turn in range(2 + turns):
        for name in list(work)[:: -1 if turn % 2 else 1]:
            taken[name].append(work[name]())
    return {
        name: (median(wall for wall, _ in times[2:]), median(cpu for _, cpu in times[2:]))
        for name, times in taken.items()
    }


def rows(results: Results) -> list[Row]:
    """Return a row for the training step and one for the evaluation batch of every case."""
    table = []
    for kind, (what, most) in _KINDS.items():
        for name, case in results.cases.items():
            ours, bare, ours_cpu, bare_cpu = (
                results.series(name, f"{kind}_{side}_{clock}", "ms")
                for clock in ("ms", "cpu_ms")
                for side in ("whole", "bare")
            )
            bound, note = Bound("ratio", most=most), cpu_note(ours_cpu, bare_cpu)
            table.append(
                Row(f"LLM4MSR_{name}, {what}", ours, case["backbone"], bare, "", bound, note)
            )
    return table


FIGURE = Figure(
    name="backbones",
    title="LLM4MSR around every backbone against the bare one, on amazon-bst",
    prepare=prepare,
    cases=_cases,
    measure=measure,
    rows=rows,
    is_interleaved=False,
    needs_data=True,
    is_profiled=True,
)
