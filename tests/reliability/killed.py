"""SIGKILL at a random moment; the repeated command gives the same result and leaves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.reliability.commands import Command, Commands
from tests.reliability.compared import trials_of_commands
from tests.reliability.trials import Trial, discard
from tests.reliability.workplace import BrokenError, Workplace, check_equal, check_nothing_left

KIND = "SIGKILL, then the same command"


def trials(place: Workplace, commands: Commands, count: int) -> Iterator[Trial]:
    yield from trials_of_commands(KIND, place, commands, count, _trial)


def _trial(place: Workplace, number: int, command: Command, expected: dict, seconds: float) -> None:
    random = place.random("killed", command.name, number)
    folder = place.folder(command.start)
    place.run(folder, command.arguments, kill_after=random.uniform(0.02, 1.0) * seconds)
    before = _chunks(folder)
    place.run(folder, command.arguments).check_success()
    check_equal(command.result(folder), expected)
    check_nothing_left(folder)
    changed = [path.name for path, state in before.items() if _state(path) != state]
    if changed:
        raise BrokenError(f"finished chunks were made again: {', '.join(changed)}")
    discard(folder)


def _chunks(folder: Path) -> dict[Path, tuple]:
    chunks = folder.glob("data/toy/knowledge/vectors/*/*.safetensors")
    return {path: _state(path) for path in chunks}


def _state(path: Path) -> tuple | None:
    if not path.exists():
        return None
    status = path.stat()
    return status.st_ino, status.st_mtime_ns, status.st_size
