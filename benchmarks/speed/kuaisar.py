"""KuaiSAR at its published size: memory and time of a first training run.

The data are simulated and converted like the published files. RecBole is measured at full size,
up to ``--memory-limit`` or ``--time-limit``, and on an eighth and a quarter of the data, from which
its memory at full size is extrapolated linearly.
"""

from __future__ import annotations

import tempfile
from typing import Any

from speed.clock import Clock
from speed.figure import Bound, Figure, Parameters, Results, Row, Series, Settings

_PARTS = {"an eighth": 8, "a quarter": 4}  # of the data, on which RecBole is measured, too
_PLAIN = "RecBole's DeepFM"
WHOLE = "kuaisar-whole"  # the data set at full size
FIELDS = {  # 8 features, without timestamp and label
    "load_col": {
        "inter": ["user_id", "item_id", "scenario", "label", "timestamp"],
        "user": ["user_id", "onehot_feat1", "search_active_level"],
        "item": ["item_id", "author_id", "first_level_category_id", "second_level_category_id"],
    },
    "mlp_hidden_size": [128, 64, 32],
}
OURS = {
    "prompt_template": "short_video",
    "item_text_fields": ["first_level_category_name_en", "second_level_category_name_en"],
}
_CASES: dict[str, Parameters] = {
    "STAR": {"model": "STAR", "settings": OURS},
    "LLM4MSR_STAR, random": {"model": "LLM4MSR_STAR", "settings": {**OURS, "knowledge": "random"}},
    "LLM4MSR_STAR, lsa": {"model": "LLM4MSR_STAR", "settings": {**OURS, "knowledge": "lsa"}},
    "LLM4MSR_STAR, lsa, blocks of 4": {
        "model": "LLM4MSR_STAR",
        "settings": {**OURS, "knowledge": "lsa", "user_block_size": 4},
    },
    **{
        name: {"model": "DeepFM", "settings": {}}
        for name in (_PLAIN, *(f"{_PLAIN}, {part}" for part in _PARTS))
    },
}


def prepare_whole(settings: Settings) -> dict[str, float]:
    """Simulate the data set at full size; return its scale."""
    from speed.data import write_kuaisar

    scale = 1.0 if settings.is_full else 0.01
    write_kuaisar(settings.data_path, WHOLE, "full" if settings.is_full else scale)
    return {"scale": scale}


def _prepare(settings: Settings) -> dict[str, float]:
    from speed.data import write_kuaisar

    facts = prepare_whole(settings)
    for part, share in _PARTS.items():
        write_kuaisar(settings.data_path, _dataset(part), facts["scale"] / share)
    return facts


def _dataset(case: str) -> str:
    part = next((part for part in _PARTS if case.endswith(part)), None)
    return f"kuaisar-{part.split()[-1]}" if part else WHOLE


def _cases(settings: Settings, facts: dict[str, float]) -> dict[str, Parameters]:
    steps = settings.steps if settings.steps is not None else 200 if settings.is_full else 3
    return {
        name: {
            **case,
            "ours": not name.startswith(_PLAIN),
            "dataset": _dataset(name),
            "steps": steps,
            **facts,
        }
        for name, case in _CASES.items()
    }


def _measure(settings: Settings, parameters: Parameters) -> dict[str, Any]:
    """Time a first run: read, split, build the knowledge and the model, train."""
    from speed.build import build
    from speed.data import remove_cache
    from speed.steps import TimedLoader, time_steps

    remove_cache(settings.data_path, parameters["dataset"])
    clock = Clock()
    with tempfile.TemporaryDirectory(dir=settings.output) as knowledge:
        options = {**FIELDS, **parameters["settings"], "knowledge_path": knowledge}
        run = build(
            parameters["ours"],
            parameters["model"],
            settings.data_path,
            parameters["dataset"],
            options,
            clock,
        )
    loader, steps = run.loaders[0], parameters["steps"]
    with clock("steps"):
        if steps:
            timed = time_steps(run.trainer, loader, steps, warm_up=2)
            epoch = timed["step_ms"] / 1e3 * len(loader)
        else:
            run.trainer._train_epoch(watched := TimedLoader(loader), 0)
            timed = {"steps": len(watched)}
            epoch = sum(watched.wall)
    facts = {"rows": len(run.dataset.inter_feat), "items": run.dataset.item_num - 1}
    facts["weights"] = sum(parameter.numel() for parameter in run.model.parameters())
    return {**clock, **timed, **facts, "epoch_seconds": epoch, "batches": len(loader)}


def _extrapolated(results: Results) -> Series:
    """Extrapolate RecBole's memory at full size linearly from an eighth and a quarter."""
    eighth, quarter = (results.series(f"{_PLAIN}, {part}", "peak_gib", "GiB") for part in _PARTS)
    for n in quarter.values.keys() & eighth.values.keys():
        quarter.values[n] += 6 * (quarter.values[n] - eighth.values[n])
    return quarter


def _rows(results: Results) -> list[Row]:
    rows = []
    for case in _CASES:
        if case.startswith(_PLAIN):
            continue
        facts = [results.first(case, key) for key in ("rows", "items", "steps")]
        size = steps = ""
        if None not in facts:
            size = f"{facts[0]:,} rows, {facts[1]:,} items"
            steps = f"median of {facts[2]} steps, times the batches of an epoch"
        steps = "a whole epoch" if results.settings.steps == 0 else steps
        ours, theirs = (results.series(name, "peak_gib", "GiB") for name in (case, _PLAIN))
        bound = Bound("ours", most=12)
        rows.append(Row(f"{case}, peak memory", ours, _PLAIN, theirs, "as small", bound, size))
        for key, what, note in (
            ("epoch_seconds", "an epoch", steps),
            ("data_seconds", "reading the data", ""),
            ("loaders_seconds", "splitting, and making knowledge", ""),
        ):
            ours, theirs = (results.series(name, key, "s") for name in (case, _PLAIN))
            rows.append(Row(f"{case}, {what}", ours, _PLAIN, theirs, "as fast", None, note))
    ours = results.series("STAR", "peak_gib", "GiB")
    computed = f"{_PLAIN}, computed from an eighth and a quarter"
    return [*rows, Row("STAR, peak memory", ours, computed, _extrapolated(results), "as small")]


FIGURE = Figure(
    name="kuaisar",
    title="KuaiSAR at full size (simulated): 19.7 million rows, 6.9 million items, 8 features",
    prepare=_prepare,
    cases=_cases,
    measure=_measure,
    rows=_rows,
    is_interleaved=False,
)
