"""What LLM4MSR costs around STAR on KuaiSAR at its published size, as `backbones` measures it."""

from __future__ import annotations

from speed.backbones import VARIANTS, measure, rows
from speed.figure import Figure, Parameters, Settings
from speed.kuaisar import FIELDS, OURS, WHOLE, prepare


def _cases(settings: Settings, facts: dict[str, float]) -> dict[str, Parameters]:
    return {
        f"STAR{suffix}": {
            "backbone": "STAR",
            "dataset": WHOLE,
            "turns": 12 if settings.is_full else 3,
            "settings": {**FIELDS, **OURS},
            "variant": options,
        }
        for suffix, options in VARIANTS.items()
    }


FIGURE = Figure(
    name="kuaisar-pair",
    title="LLM4MSR_STAR against STAR, on simulated KuaiSAR at its published size",
    prepare=prepare,
    cases=_cases,
    measure=measure,
    rows=rows,
    is_interleaved=False,
)
