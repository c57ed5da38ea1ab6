"""Trials of every command, compared with a run of it that is left alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

from tests.reliability.commands import Command, Commands
from tests.reliability.trials import Trial, discard
from tests.reliability.workplace import Workplace, check_nothing_left


def trials_of_commands(
    kind: str,
    place: Workplace,
    commands: Commands,
    count: int,
    trial: Callable[[Workplace, int, Command, dict, float], None],
) -> Iterator[Trial]:
    """Yield ``count`` trials of each command; the run to compare with is made for the first."""
    for name in ("convert", "build", "training", "benchmark", "export"):
        reference = cache(lambda name=name: _reference(place, getattr(commands, name)))
        subject = {"build": "knowledge build"}.get(name, name)
        for number in range(count):
            yield Trial(
                kind,
                subject,
                str(number),
                lambda number=number, reference=reference: trial(place, number, *reference()),
            )


def _reference(place: Workplace, command: Command) -> tuple[Command, dict, float]:
    """The result of a run that is left alone, and its duration: the shorter of two."""
    seconds = []
    for _ in range(2):
        folder = place.folder(command.start)
        done = place.run(folder, command.arguments)
        done.check_success()
        check_nothing_left(folder)
        seconds.append(done.seconds)
        result = command.result(folder)
        discard(folder)
    return command, result, min(seconds)
