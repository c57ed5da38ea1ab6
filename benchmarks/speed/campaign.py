"""Running all measurements in order: finished ones are not repeated, remaining time is shown."""

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

#: In place of the number of a repeat: the run under the profiler.
PROFILE = "profile"


class Campaign:
    """Measurements of some figures, stored in one JSON file per figure and repeat.

    A file holds an entry per case. An entry with the same parameters is used again; all others are
    measured. The write after every measurement is atomic. If a figure compares its cases with each
    other, only complete repeats are used again.

    Args:
        figures: The figures, in order.
        settings: Options of the command line.
        repeats: Number of measurements per case, the cases of a figure in turn.
        limits: Limits at which a measurement is stopped.
        with_profile: Whether to run the cases of some figures under the profiler, too, once.
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
        """Prepare, then measure the missing entries; failures are listed in ``failures``."""
        begun = time.perf_counter()
        for figure in self._figures:
            try:
                self._cases[figure.name] = figure.cases(self.settings, self._prepare(figure))
            except MeasurementError as error:
                self._fail(f"{figure.name}, preparing", error)
        todo = list(self._todo())
        for n, (figure, repeat, case) in enumerate(todo, start=1):
            job = self._parameters(figure, repeat, case)
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
            self._store(figure, repeat, case, {"asked": job, **entry, "machine": machine()})
            elapsed = time.perf_counter() - begun
            print(
                f"[{n}/{len(todo)}] {name}: {entry['seconds']:.1f} s, "
                f"peak {entry['values']['peak_gib']:.2f} GiB"
                f"{', ' * bool(entry['stopped'])}{entry['stopped']}"
                f" | elapsed {_clock(elapsed)}, ETA {_clock(self._seconds_left(todo[n:]))}",
                flush=True,
            )

    def results(self, figure: Figure) -> Results:
        """Return the stored results of a figure."""
        cases = self._cases.get(figure.name, {})
        return Results(self.settings, cases, [self._read(figure, n) for n in range(self._repeats)])

    def profiles(self, figure: Figure) -> dict[str, dict[str, list]]:
        """Return the profiles of a figure's cases, by the kind of work profiled."""
        entries = self._read(figure, PROFILE) if figure.name in self._cases else {}
        return {case: entry["values"].get("profiles", {}) for case, entry in entries.items()}

    def machines(self) -> list[dict[str, Any]]:
        """Return machine, versions and time of every entry."""
        return [
            entry["machine"]
            for figure in self._figures
            for n in range(self._repeats)
            for entry in self._read(figure, n).values()
        ]

    # -- remaining work -------------------------------------------------------------------------

    def _prepare(self, figure: Figure) -> Any:
        """Prepare a figure in its own process, as that can need memory; return facts for cases."""
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

    def _parameters(self, figure: Figure, repeat: int | str, case: str) -> Parameters:
        parameters = self._cases[figure.name][case]
        return {**parameters, "profile": True} if repeat == PROFILE else parameters

    def _seconds_left(self, todo: Sequence[tuple[Figure, int | str, str]]) -> float:
        """Estimate the remaining seconds from earlier measurements of the same cases, or of any."""
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
        """Return the entries of a repeat whose parameters are those of the cases now."""
        file = self._file(figure, repeat)
        if not file.exists():
            return {}
        entries = json.loads(file.read_text(encoding="utf-8"))
        cases = self._cases.get(figure.name, {})
        return {
            case: entries[case]
            for case in cases
            if case in entries and entries[case]["asked"] == self._parameters(figure, repeat, case)
        }

    def _store(self, figure: Figure, repeat: int | str, case: str, entry: dict) -> None:
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
