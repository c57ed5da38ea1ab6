"""Training samples per second by the number of ids: the time of a step must not grow with it."""

from __future__ import annotations

from typing import Any

from speed.figure import Bound, Figure, Parameters, Results, Row, Series, Settings

_IDS = (100_000, 1_000_000, 10_000_000)
_MODELS = ("STAR", "LLM4MSR_STAR")
_PLAIN = ("DeepFM", "DCNV2")  # RecBole's
_MLP = {"mlp_hidden_size": [128, 64, 32]}
_OPTIMIZERS = ("deferred_adam", "sparse_adam", "dense")
_WARM_UP = 3


def _prepare(settings: Settings) -> dict[str, Any]:
    from speed.data import write_vocabulary

    ids = _IDS if settings.is_full else (20_000, 100_000)
    sizes = {"rows": 200_000 if settings.is_full else 70_000, "users": 10_000}
    for n in ids:
        write_vocabulary(settings.data_path, f"ids-{n}", ids=n, **sizes)
    return {"ids": ids, **sizes}


def _cases(settings: Settings, sizes: dict[str, Any]) -> dict[str, Parameters]:
    steps = settings.steps or (20 if settings.is_full else 3)
    models, plain = (_MODELS, _PLAIN) if settings.is_full else (_MODELS[1:], _PLAIN[:1])
    cases: dict[str, Parameters] = {}
    for ids in sizes["ids"]:
        shared = {"dataset": f"ids-{ids}", "ids": ids, "rows": sizes["rows"], "steps": steps}
        for model in models:
            for optimizer in _OPTIMIZERS:
                options = {**_MLP, "knowledge": "random", "embedding_optimizer": optimizer}
                case = {**shared, "ours": True, "model": model, "settings": options}
                cases[f"{model}, {optimizer}, {ids:,} ids"] = case
        for model in plain:
            case = {**shared, "ours": False, "model": model, "settings": _MLP}
            cases[f"RecBole's {model}, {ids:,} ids"] = case
    return cases


def _measure(settings: Settings, parameters: Parameters) -> dict[str, Any]:
    """Time training steps; reading the data set and building the model are not timed."""
    from speed.build import build
    from speed.steps import profile_steps, time_steps

    run = build(
        parameters["ours"],
        parameters["model"],
        settings.data_path,
        parameters["dataset"],
        {**parameters["settings"], "knowledge_path": settings.knowledge_path},
    )
    steps = parameters["steps"]
    if parameters.get("profile"):
        operations = profile_steps(run.trainer, run.loaders[0], steps, _WARM_UP)
        return {"profiles": {"training": operations}}
    weights = sum(parameter.numel() for parameter in run.model.parameters())
    return {**time_steps(run.trainer, run.loaders[0], steps, _WARM_UP), "weights": weights}


def _rows(results: Results) -> list[Row]:
    def rate(case: str) -> Series:
        return results.series(case, "samples_per_second", "samples/s")

    sizes = sorted({case["ids"] for case in results.cases.values()})
    models = [name for name in _MODELS if f"{name}, dense, {sizes[0]:,} ids" in results.cases]
    plain = [f"RecBole's {name}" for name in _PLAIN]
    sparse, *others = _OPTIMIZERS
    rows = []
    for ids in sizes:
        for model in models:
            ours, what = rate(f"{model}, {sparse}, {ids:,} ids"), f"{model}, {ids:,} ids"
            against = {name: rate(f"{name}, {ids:,} ids") for name in plain}
            same = {f"the same, {name}": rate(f"{model}, {name}, {ids:,} ids") for name in others}
            for name, theirs in (against | same).items():
                bound = Bound("ratio", least=10) if name in against and ids == sizes[-1] else None
                if theirs.values or theirs.stopped:
                    rows.append(Row(what, ours, name, theirs, "as fast", bound))
    for model in models:
        for optimizer in _OPTIMIZERS[:-1]:
            few, many = (rate(f"{model}, {optimizer}, {n:,} ids") for n in (sizes[0], sizes[-1]))
            what, against = f"{model}, {optimizer}, {sizes[-1]:,} ids", f"{sizes[0]:,} ids"
            rows.append(Row(what, many, against, few, bound=Bound("ratio", most=1.5)))
    return rows


FIGURE = Figure(
    name="vocabulary",
    title="training samples a second with 0.1, 1 and 10 million ids",
    prepare=_prepare,
    cases=_cases,
    measure=_measure,
    rows=_rows,
    is_profiled=True,
)
