"""Seconds of an epoch on amazon-bst, compared with RecBole's DeepFM here and in RecBole."""

from __future__ import annotations

from statistics import median
from typing import Any

from speed.amazon import DATASET, prepare
from speed.figure import Bound, Figure, Parameters, Results, Row, Settings, cpu_note

_EPOCHS = 3
_MLP = {"mlp_hidden_size": [128, 64, 32]}
_WITH_KNOWLEDGE = {**_MLP, "knowledge": "random"}
_CASES: dict[str, Parameters] = {
    "STAR": {"ours": True, "model": "STAR", "settings": _MLP},
    "LLM4MSR_STAR": {"ours": True, "model": "LLM4MSR_STAR", "settings": _WITH_KNOWLEDGE},
    "DeepFM here": {"ours": True, "model": "DeepFM", "settings": _MLP},
    "DeepFM here, no dropout": {
        "ours": True,
        "model": "DeepFM",
        "settings": {**_MLP, "dropout_prob": 0.0},  # the default of STAR
    },
    "RecBole's DeepFM": {"ours": False, "model": "DeepFM", "settings": _MLP},
}


def _cases(settings: Settings, _: Any) -> dict[str, Parameters]:
    batches = None if settings.is_full else 10
    return {name: {**case, "batches": batches} for name, case in _CASES.items()}


def _measure(settings: Settings, parameters: Parameters) -> dict[str, Any]:
    """Time training epochs of the trainer, after a first one that packs the rows and warms up.

    Evaluation, reading the data and building the model are not timed.
    """
    from speed.build import build
    from speed.clock import Clock
    from speed.steps import TimedLoader, profile_steps

    knowledge = {"knowledge_path": settings.knowledge_path}
    run = build(
        parameters["ours"],
        parameters["model"],
        settings.data_path,
        DATASET,
        {**parameters["settings"], **knowledge},
    )
    batches = parameters["batches"]
    if parameters.get("profile"):
        operations = profile_steps(run.trainer, run.loaders[0], batches or 50, 3)
        return {"profiles": {"training": operations}}
    seconds, cpu, feeding = [], [], []
    for epoch in range(1 + _EPOCHS):
        clock, timed = Clock(), TimedLoader(run.loaders[0], batches)
        with clock("epoch"):
            run.trainer._train_epoch(timed, epoch)
        seconds.append(clock["epoch_seconds"])
        cpu.append(clock["epoch_cpu_seconds"])
        feeding.append(sum(timed.feeding))
    return {
        "first_epoch_seconds": seconds[0],
        "epoch_seconds": median(seconds[1:]),
        "epoch_cpu_seconds": median(cpu[1:]),
        "feeding_seconds": median(feeding[1:]),
        "batches": len(timed),
    }


def _rows(results: Results) -> list[Row]:
    rows = []
    for model, most in (("STAR", 1.0), ("LLM4MSR_STAR", 1.3)):
        for plain in ("DeepFM here", "DeepFM here, no dropout", "RecBole's DeepFM"):
            ours, theirs = (results.series(case, "epoch_seconds", "s") for case in (model, plain))
            cpu = (results.series(case, "epoch_cpu_seconds", "s") for case in (model, plain))
            bound = None if plain.endswith("dropout") else Bound("ratio", most=most)
            note, what = cpu_note(*cpu), f"an epoch of {model}"
            rows.append(Row(what, ours, plain, theirs, "", bound, note))
    feeding = results.series("STAR", "feeding_seconds", "s")
    theirs = results.series("RecBole's DeepFM", "feeding_seconds", "s")
    rows.append(Row("feeding, of an epoch", feeding, "RecBole's loader", theirs, "as fast"))
    return rows


FIGURE = Figure(
    name="epoch",
    title="seconds of a training epoch on amazon-bst",
    prepare=prepare,
    cases=_cases,
    measure=_measure,
    rows=_rows,
    needs_data=True,
    is_profiled=True,
)
