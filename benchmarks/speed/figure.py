"""Figures of the benchmark: cases that are measured in turn, and their rows of the table.

Nothing large is imported here: the process that starts the measurements must stay small, because
the peak memory of a child process starts at the size of its parent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

Parameters = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """Options of the command line, which can be passed to a child process.

    Attributes:
        scale: ``full``, or ``small`` to test that everything runs.
        output: Folder of this scale's data, results and logs (absolute).
        data: Folder that holds ``amazon-bst``, or ``None``.
        steps: Training steps to time, 0 for a whole epoch, ``None`` for the default of the figure.
        backbones: Names of backbones; empty for all.
    """

    scale: str
    output: str
    data: str | None = None
    steps: int | None = None
    backbones: tuple[str, ...] = ()

    @property
    def is_full(self) -> bool:
        """Whether the scale is the full one."""
        return self.scale == "full"

    @property
    def data_path(self) -> str:
        """Folder of the data sets that the benchmark makes."""
        return str(Path(self.output) / "data")

    @property
    def knowledge_path(self) -> str:
        """Folder of the knowledge that several measurements share."""
        return str(Path(self.output) / "knowledge")

    def plain(self) -> dict[str, Any]:
        """Return the options as values for JSON."""
        return {**asdict(self), "backbones": list(self.backbones)}


@dataclass
class Series:
    """One number of one case, by repeat.

    Attributes:
        unit: ``s``, ``ms``, ``GiB``, or a rate, which ends in ``/s``.
        values: The number of every repeat that has it.
        stopped: Reason why a measurement was stopped, or empty.
    """

    unit: str
    values: dict[int, float] = field(default_factory=dict)
    stopped: str = ""

    @property
    def median(self) -> float:
        """Median over the repeats."""
        return median(self.values.values())


@dataclass(frozen=True)
class Bound:
    """Bound of a row: ``of`` (``ratio`` or ``ours``) must be at most or at least a value."""

    of: str
    most: float | None = None
    least: float | None = None


@dataclass
class Row:
    """A line of the table.

    Attributes:
        what: Name of the measurement.
        ours: Numbers of this package.
        against: Name of the other side.
        theirs: Numbers of the other side.
        gain: ``as fast`` or ``as small``: the ratio is how many times better ours is. Without it
            the ratio is how many times more ours needs.
        bound: Bound of the ratio or of our numbers.
        note: What else a reader should see.
    """

    what: str
    ours: Series
    against: str = ""
    theirs: Series | None = None
    gain: str = ""
    bound: Bound | None = None
    note: str = ""

    @property
    def ratios(self) -> list[float]:
        """Ratios of the repeats that have both sides."""
        if self.theirs is None:
            return []
        shared = [n for n in self.ours.values if self.theirs.values.get(n)]
        ratios = [self.ours.values[n] / self.theirs.values[n] for n in shared]
        is_rate = self.ours.unit.endswith("/s")
        return ratios if bool(self.gain) == is_rate else [1 / ratio for ratio in ratios if ratio]


def cpu_note(ours: Series, theirs: Series) -> str:
    """Format the ratio of CPU times, which other work on the machine changes less."""
    ratios = Row("", ours, "", theirs).ratios
    return f"CPU time {median(ratios):.3g}x" if ratios else ""


class Results:
    """Results of the cases of a figure so far.

    Args:
        settings: Options of the command line.
        cases: Parameters by name of the case.
        repeats: For every repeat the entries by name of the case.
    """

    def __init__(
        self, settings: Settings, cases: dict[str, Parameters], repeats: list[dict[str, dict]]
    ) -> None:
        self.settings, self.cases, self._repeats = settings, cases, repeats

    def series(self, case: str, key: str, unit: str) -> Series:
        """Return one number of a case by repeat; empty if the case was not measured."""
        series = Series(unit)
        for n, entries in enumerate(self._repeats):
            entry = entries.get(case)
            if entry is None:
                continue
            if entry["stopped"]:
                series.stopped = entry["stopped"]
            elif key in entry["values"]:
                series.values[n] = entry["values"][key]
        return series

    def first(self, case: str, key: str) -> Any:
        """Return a value of the first repeat, or ``None``; for values that do not change."""
        for entries in self._repeats:
            if case in entries and key in entries[case]["values"]:
                return entries[case]["values"][key]
        return None


@dataclass(frozen=True)
class Figure:
    """A figure of the benchmark.

    Attributes:
        name: As ``--only`` takes it.
        title: What it is, for people.
        prepare: Makes data that the cases share, and returns what they need to know of it. Runs in
            a process of its own, and again at every start: what is there it leaves.
        cases: Name and parameters of the cases, in the order in which a repeat measures them.
        measure: Measures one case, in a process of its own; returns numbers by name.
        rows: The rows of the table.
        is_profiled: Whether ``--profile`` applies: ``measure`` knows the parameter ``profile``.
        is_interleaved: Whether the sides of a ratio are cases of their own. A repeat of such a
            figure that was broken off starts anew, so that its sides are measured one after the
            other.
        needs_data: Whether it is measured on ``amazon-bst``, which ``--data`` says where to find.
    """

    name: str
    title: str
    prepare: Callable[[Settings], Any]
    cases: Callable[[Settings, Any], dict[str, Parameters]]
    measure: Callable[[Settings, Parameters], dict[str, Any]]
    rows: Callable[[Results], list[Row]]
    is_profiled: bool = False
    is_interleaved: bool = True
    needs_data: bool = False
