"""Overhead of LLM4MSR on STAR on KuaiSAR at its published size, measured as in `backbones`."""

from __future__ import annotations

from speed.backbones import measure, pair_cases, rows
from speed.figure import Figure, Parameters, Settings
from speed.kuaisar import FIELDS, OURS, WHOLE, prepare_whole


def _cases(settings: Settings, facts: dict[str, float]) -> dict[str, Parameters]:
    return pair_cases(settings, "STAR", WHOLE, {**FIELDS, **OURS})


FIGURE = Figure(
    name="kuaisar-pair",
    title="LLM4MSR_STAR against STAR, on simulated KuaiSAR at its published size",
    prepare=prepare_whole,
    cases=_cases,
    measure=measure,
    rows=rows,
    is_interleaved=False,
)
