"""SIGKILL at a random moment; the repeated command gives the same result and leaves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.reliability.commands import Command, Commands
from tests.reliability.trials import Trial, discard
from tests.reliability.workplace import BrokenError, Workplace, check_equal, check_nothing_left

KIND = "SIGKILL, then the same command"


def trials(place: Workplace, commands: Commands, count: int) -> Iterator[Trial]:
    for name in ("convert", "build", "training", "benchmark", "export"):
        reference = cache(lambda name=name: _reference(place, getattr(commands, name)))
        subject = {"build": "knowledge build"}.get(name, name)
        for number in range(count):
            yield Trial(
                KIND,
                subject,
                str(number),
                lambda number=number, reference=reference: _trial(place, number, *reference()),
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
