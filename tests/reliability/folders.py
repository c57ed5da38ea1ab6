"""Read-only folders, and a disk that is full at a random byte."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.reliability.commands import TRAINING, Command, Commands, training_result
from tests.reliability.compared import trials_of_commands
from tests.reliability.trials import Trial, discard
from tests.reliability.workplace import (
    BrokenError,
    Workplace,
    check_equal,
    check_nothing_left,
    is_root,
)

READ_ONLY, FULL = "a read-only folder", "a full disk, then the same command"


def trials(place: Workplace, commands: Commands, count: int) -> Iterator[Trial]:
    cases = {
        "data with cache and knowledge": ("trained", "data", True),
        "data without": ("data", "data", False),
        "knowledge alone": ("trained", "data/toy/knowledge", True),
        "cache alone": ("trained", "data/toy/cache", True),
    }
    expected = cache(lambda: training_result(commands.trained))
    for name, (start, below, ready) in cases.items():
        for number in range(max(1, count // 25)):
            yield Trial(
                READ_ONLY,
                name,
                str(number),
                lambda start=start, below=below, ready=ready: _read_only(
                    place, getattr(commands, start), below, ready, expected()
                ),
            )
    yield Trial(READ_ONLY, "checkpoints", "0", lambda: _read_only_checkpoints(place, commands))
    yield from trials_of_commands(FULL, place, commands, max(1, count // 5), _full)


def _set_mode(folder: Path, *, writable: bool) -> None:
    for path in [folder, *folder.rglob("*")]:
        mode = path.stat().st_mode
        path.chmod(mode | 0o200 if writable else mode & ~0o222)


def _read_only(place: Workplace, start: Path, below: str, ready: bool, expected: dict) -> None:
    folder = place.folder(start)
    for name in ("result.json", "predictions.parquet"):
        (folder / name).unlink(missing_ok=True)
    _set_mode(folder / below, writable=False)
    before = _states(folder / below)
    done = place.run(folder, TRAINING, without_privileges=is_root())
    done.check_success()
    done.check_message()
    check_equal(training_result(folder), expected)
    if _states(folder / below) != before:
        raise BrokenError("something was changed in the read-only folder")
    if ready and (folder / "dataset").exists():
        made = [str(path) for path in (folder / "dataset").rglob("*.*")]
        raise BrokenError(f"made anew: {', '.join(made[:3])}")
    check_nothing_left(folder)
    _set_mode(folder / below, writable=True)
    discard(folder)


def _states(folder: Path) -> dict[str, tuple]:
    return {
        str(path): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in folder.rglob("*")
        if path.is_file()
    }


def _read_only_checkpoints(place: Workplace, commands: Commands) -> None:
    folder = place.folder(commands.trained)
    _set_mode(folder / "saved", writable=False)
    done = place.run(folder, TRAINING, without_privileges=is_root())
    done.check_refused()
    if "saved" not in done.output:
        raise BrokenError(f"the folder is not named: {done.output.strip()[-500:]}")
    _set_mode(folder / "saved", writable=True)
    discard(folder)


def _full(place: Workplace, number: int, command: Command, expected: dict, _: float) -> None:
    """A disk of its own where that can be mounted, else a limit on the size of a file."""
    random = place.random("full", command.name, number)
    folder = place.folder()
    mounted = is_root() and number % 2 == 0 and _mount(folder)
    if not mounted:
        discard(folder)
        folder = place.folder(command.start)
    try:
        if mounted:
            subprocess.run(["cp", "-a", f"{command.start}/.", folder], check=True)
            used = sum(p.stat().st_blocks * 512 for p in folder.rglob("*"))
            size = used + int(random.uniform(4096, 800_000))
            subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)
            done = place.run(folder, command.arguments)
        else:
            largest = int(random.uniform(0, 60_000))
            done = place.run(folder, command.arguments, largest_file=largest)
        done.check_message()
        check_nothing_left(folder)
        if done.code and not any(text in done.output for text in ("could not be written", "free")):
            raise BrokenError(f"no sentence on the disk: {done.output.strip()[-500:]}")
        if mounted:
            subprocess.run(["mount", "-o", "remount,size=64m", folder], check=True)
        place.run(folder, command.arguments).check_success()
        check_equal(command.result(folder), expected)
        check_nothing_left(folder)
    finally:
        if mounted:
            subprocess.run(["umount", folder], check=False)
    discard(folder)


def _mount(folder: Path) -> bool:
    words = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder]
    mounted = subprocess.run(words, check=False, capture_output=True).returncode == 0
    (folder / "tmp").mkdir(exist_ok=True)
    return mounted
