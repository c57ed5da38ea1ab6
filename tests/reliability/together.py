"""Two to four equal commands at once: each succeeds or says why not, and the result is the same."""

from __future__ import annotations

from collections.abc import Iterator

from tests.reliability.commands import Command, Commands
from tests.reliability.compared import trials_of_commands
from tests.reliability.trials import Trial, discard
from tests.reliability.workplace import BrokenError, Workplace, check_equal, check_nothing_left

KIND = "equal commands at once"


def trials(place: Workplace, commands: Commands, count: int) -> Iterator[Trial]:
    yield from trials_of_commands(KIND, place, commands, max(1, count // 5), _trial)


def _trial(place: Workplace, number: int, command: Command, expected: dict, _: float) -> None:
    folder = place.folder(command.start)
    started = [place.start(folder, command.arguments) for _ in range(2 + number % 3)]
    done = [place.wait(one) for one in started]
    for one in done:
        one.check_message()
    succeeded = [one for one in done if not one.code]
    if command.name != "benchmark" and len(succeeded) < len(done):
        raise BrokenError(next(one.output.strip()[-700:] for one in done if one.code))
    if not succeeded:
        raise BrokenError(f"none succeeded: {done[0].output.strip()[-700:]}")
    check_equal(command.result(folder), expected)
    check_nothing_left(folder)
    discard(folder)
