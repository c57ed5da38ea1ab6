"""All measurements in order: what is finished is not repeated, what remains is estimated."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from statistics import mean
from typing import Any

from speed.child import Limits, MeasurementError, measure
from speed.clock import machine
from speed.figure import Figure, Parameters, Results, Settings

#: Name of the results of a case run under the profiler, in the place of a repeat's number.
PROFILE = "profile"


class Campaign:
    """The measurements of some figures, kept in one JSON file per figure and repeat.

    A file holds an entry per case. An entry counts when the parameters it was measured with are
    those of today; everything else is measured. A file is written whole after every measurement.
    Where a figure compares its cases with each other, a repeat counts only when it is complete.

    Args:
        figures: The figures, in order.
        settings: What the command line asks for.
        repeats: How often each case is measured, the cases of a figure in turn.
        limits: When a measurement is stopped.
        with_profile: Whether the cases of some figures also run under the profiler, once.
    """

    def __init__(
        self,
        figures: Sequence[Figure],
        settings: Settings,
        repeats: int,
        limits: Limits,
        with_profile: bool,
    ) -> None:
        self.settings, self.limits = settings, limits
        self.folder = Path(settings.output)
        self._figures, self._repeats, self._with_profile = figures, repeats, with_profile
        self._cases: dict[str, dict[str, Parameters]] = {}
        self.failures: list[str] = []

    def run(self) -> None:
        """Prepare, then measure what is not there yet; failures are kept and told at the end."""
        begun = time.perf_counter()
        for figure in self._figures:
            try:
                self._cases[figure.name] = figure.cases(self.settings, self._prepare(figure))
            except MeasurementError as error:
                self._fail(f"{figure.name}, preparing", error)
        todo = list(self._todo())
        for n, (figure, repeat, case) in enumerate(todo, start=1):
            job = self._asked(figure, repeat, case)
            name = f"{figure.name}, {case}, {_label(repeat)}"
            try:
                entry = measure(
                    {"figure": figure.name, "settings": self.settings.plain(), "parameters": job},
                    self.folder / "measured.json",
                    self.folder / "log" / f"{name.replace('/', ' of ')}.log",
                    self.limits,
                )
            except MeasurementError as error:
                self._fail(name, error)
                continue
            self._keep(figure, repeat, case, {"asked": job, **entry, "machine": machine()})
            elapsed = time.perf_counter() - begun
            print(
                f"[{n}/{len(todo)}] {name}: {entry['seconds']:.1f} s, "
                f"peak {entry['values']['peak_gib']:.2f} GiB"
                f"{', ' * bool(entry['stopped'])}{entry['stopped']}"
                f" | elapsed {_clock(elapsed)}, ETA {_clock(self._rest(todo[n:]))}",
                flush=True,
            )

    def results(self, figure: Figure) -> Results:
        """What is there of a figure."""
        cases = self._cases.get(figure.name, {})
        return Results(self.settings, cases, [self._read(figure, n) for n in range(self._repeats)])

    def profiles(self, figure: Figure) -> dict[str, dict[str, list]]:
        """The profiles of every case of a figure that has any, by what was profiled."""
        entries = self._read(figure, PROFILE) if figure.name in self._cases else {}
        return {case: entry["values"].get("profiles", {}) for case, entry in entries.items()}

    def machines(self) -> list[dict[str, Any]]:
        """On what, with what and when every entry was measured."""
        return [
            entry["machine"]
            for figure in self._figures
            for n in range(self._repeats)
            for entry in self._read(figure, n).values()
        ]

    # -- what remains ----------------------------------------------------------------------------

    def _prepare(self, figure: Figure) -> Any:
        """What the cases of a figure need to know; made in a process of its own, which may grow."""
        print(f"{figure.name}: preparing", flush=True)
        entry = measure(
            {"figure": figure.name, "settings": self.settings.plain(), "parameters": None},
            self.folder / "measured.json",
            self.folder / "log" / f"{figure.name}, preparing.log",
            self.limits,
        )
        if entry["stopped"]:
            raise MeasurementError(entry["stopped"])
        return entry["values"]["prepared"]

    def _todo(self) -> Iterator[tuple[Figure, int | str, str]]:
        for figure in self._figures:
            rounds: list[int | str] = list(range(self._repeats))
            if self._with_profile and figure.is_profiled:
                rounds.append(PROFILE)
            for repeat in rounds:
                cases, done = self._cases.get(figure.name, {}), self._read(figure, repeat)
                if figure.is_interleaved and repeat != PROFILE and len(done) < len(cases):
                    self._file(figure, repeat).unlink(missing_ok=True)
                    done = {}
                for case in cases:
                    if case not in done:
                        yield figure, repeat, case

    def _asked(self, figure: Figure, repeat: int | str, case: str) -> Parameters:
        parameters = self._cases[figure.name][case]
        return {**parameters, "profile": True} if repeat == PROFILE else parameters

    def _rest(self, todo: Sequence[tuple[Figure, int | str, str]]) -> float:
        """Seconds that the rest will take, by what the same cases took before, or any did."""
        known: dict[tuple[str, str], list[float]] = {}
        for figure in self._figures:
            for n in range(self._repeats):
                for case, entry in self._read(figure, n).items():
                    known.setdefault((figure.name, case), []).append(entry["seconds"])
        typical = mean(mean(seconds) for seconds in known.values()) if known else 0.0
        return sum(mean(known.get((figure.name, case), [typical])) for figure, _, case in todo)

    # -- files -----------------------------------------------------------------------------------

    def _file(self, figure: Figure, repeat: int | str) -> Path:
        return self.folder / f"{figure.name}.{repeat}.json"

    def _read(self, figure: Figure, repeat: int | str) -> dict[str, dict]:
        """The entries of a repeat that were measured as the cases are now."""
        file = self._file(figure, repeat)
        if not file.exists():
            return {}
        entries = json.loads(file.read_text(encoding="utf-8"))
        cases = self._cases.get(figure.name, {})
        return {
            case: entries[case]
            for case in cases
            if case in entries and entries[case]["asked"] == self._asked(figure, repeat, case)
        }

    def _keep(self, figure: Figure, repeat: int | str, case: str, entry: dict) -> None:
        file = self._file(figure, repeat)
        content = {**self._read(figure, repeat), case: entry}
        temporary = file.with_suffix(".making")
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        temporary.replace(file)

    def _fail(self, name: str, error: MeasurementError) -> None:
        self.failures.append(f"{name}: {error}")
        print(f"FAILED {self.failures[-1]}", flush=True)


def _label(repeat: int | str) -> str:
    return repeat if isinstance(repeat, str) else f"repeat {repeat + 1}"


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
