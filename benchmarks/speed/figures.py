"""The figures, in the order of the table."""

from __future__ import annotations

from speed import (
    backbones,
    counting,
    epochs,
    feeding,
    gpu,
    kuaisar,
    kuaisar_pair,
    loading,
    serving,
    vocabulary,
)
from speed.figure import Figure

_ROOMS = (
    loading,
    counting,
    kuaisar,
    feeding,
    vocabulary,
    epochs,
    backbones,
    kuaisar_pair,
    serving,
    gpu,
)

#: By name.
FIGURES: dict[str, Figure] = {room.FIGURE.name: room.FIGURE for room in _ROOMS}
