"""What a figure is: cases that are measured in turn, and the rows of the table they make.

Nothing heavy is imported here: the process that starts the measurements stays small, because the
peak memory of a child counts from its parent's size at the start.
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
    """What the command line asks for, in a form that a child process can be told.

    Attributes:
        scale: ``full``, or ``small`` to see that everything runs.
        output: Folder of this scale's data, results and logs (absolute).
        data: Folder that holds ``amazon-bst``, or ``None``.
        steps: Training steps to time, 0 for a whole epoch; ``None`` leaves it to the figure.
        backbones: Names, none for all registered ones.
    """

    scale: str
    output: str
    data: str | None = None
    steps: int | None = None
    backbones: tuple[str, ...] = ()

    @property
    def is_full(self) -> bool:
        """Whether figures are wanted, and not just a look at whether they can be had."""
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
        """As JSON can hold it."""
        return {**asdict(self), "backbones": list(self.backbones)}


@dataclass
class Series:
    """One number of one case, by repeat.

    Attributes:
        unit: ``s``, ``ms``, ``GiB``, or a rate, which ends in ``/s``.
        values: The number of every repeat that has it.
        stopped: Why a measurement was stopped, where one was.
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
    """A promise: what is looked at (``ratio`` or ``ours``), at most or at least what."""

    of: str
    most: float | None = None
    least: float | None = None


@dataclass
class Row:
    """A line of the table.

    Attributes:
        what: What was measured.
        ours: Of this package.
        against: Name of what it is compared with.
        theirs: Of that.
        gain: ``as fast`` or ``as small``: the ratio says how many times better ours is. Without it
            the ratio says how many times dearer.
        bound: What is promised.
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
        """The ratio of every repeat that has both sides."""
        if self.theirs is None:
            return []
        shared = [n for n in self.ours.values if self.theirs.values.get(n)]
        found = [self.ours.values[n] / self.theirs.values[n] for n in shared]
        is_rate = self.ours.unit.endswith("/s")
        return found if bool(self.gain) == is_rate else [1 / ratio for ratio in found if ratio]


def cpu_note(ours: Series, theirs: Series) -> str:
    """The same ratio by CPU time, which other work on the machine disturbs less."""
    ratios = Row("", ours, "", theirs).ratios
    return f"CPU time {median(ratios):.3g}x" if ratios else ""


class Results:
    """What the cases of a figure have given so far.

    Args:
        settings: What was asked for.
        cases: Parameters by name of the case.
        repeats: For every repeat the entries by name of the case.
    """

    def __init__(
        self, settings: Settings, cases: dict[str, Parameters], repeats: list[dict[str, dict]]
    ) -> None:
        self.settings, self.cases, self._repeats = settings, cases, repeats

    def series(self, case: str, key: str, unit: str) -> Series:
        """One number of a case; a case that was not measured has none."""
        found = Series(unit)
        for n, entries in enumerate(self._repeats):
            entry = entries.get(case)
            if entry is None:
                continue
            if entry["stopped"]:
                found.stopped = entry["stopped"]
            elif key in entry["values"]:
                found.values[n] = entry["values"][key]
        return found

    def first(self, case: str, key: str) -> Any:
        """What the first repeat says, or ``None``: for facts that do not change."""
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
