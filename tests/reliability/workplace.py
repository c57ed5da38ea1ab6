"""Where trials run: folders, processes and what every trial checks."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.fresh_process import ForkServer
from tests.reliability.child import PROGRAM

#: Temporary files of torch and onnxruntime, which a run without a kill leaves, too.
_OF_OTHERS = ("torchinductor_", ".ses")


class BrokenError(AssertionError):
    """A trial showed what must not happen."""


@dataclass(frozen=True)
class Done:
    """A process that ended.

    Attributes:
        code: Exit status; negative for a signal.
        output: Standard output and error.
        seconds: From its start to its end.
    """

    code: int
    output: str
    seconds: float

    def check_success(self) -> None:
        """Raise :class:`BrokenError` unless the command succeeded."""
        if self.code:
            raise BrokenError(f"exit code {self.code}: {self.output.strip()[-700:]}")

    def check_refused(self) -> None:
        """Raise :class:`BrokenError` unless the command ended with a message of its own."""
        if not self.code:
            raise BrokenError("not refused")
        self.check_message()

    def check_message(self) -> None:
        """Raise :class:`BrokenError` where there is a traceback, or no message at all."""
        if "Traceback" in self.output or "Logging error" in self.output:
            raise BrokenError(f"a traceback: {self.output.strip()[-700:]}")
        if self.code and not self.output.strip():
            raise BrokenError(f"exit code {self.code} without a message")


@dataclass
class Workplace:
    """Makes folders and runs processes in them.

    Args:
        root: An empty folder.
        server: Server of the processes.
        seed: Seed of everything that is drawn.
    """

    root: Path
    server: ForkServer
    seed: int
    _folders: int = 0
    _outputs: Path = field(init=False)

    def __post_init__(self) -> None:
        self._outputs = self.root / "outputs"
        self._outputs.mkdir(parents=True)

    def random(self, *names: object) -> Random:
        """A generator for one trial: the same for a seed, whatever else runs."""
        return Random(f"{self.seed} {names}")

    def folder(self, copy_of: Path | None = None) -> Path:
        """Make a folder for one trial, empty or as a copy of another."""
        self._folders += 1
        folder = self.root / f"trial-{self._folders}"
        if copy_of is None:
            folder.mkdir()
        else:
            shutil.copytree(copy_of, folder, symlinks=True)
        (folder / "tmp").mkdir(exist_ok=True)
        return folder

    def start(self, folder: Path, arguments: Sequence[object], **options: object) -> tuple:
        """Start a command of the package in a folder; for the options see ``child.py``."""
        environment = {"TMPDIR": str(folder / "tmp"), **options.pop("environment", {})}
        given = json.dumps({**options, "environment": environment})
        number = self.server.start(PROGRAM, given, *arguments, cwd=folder, output=self._outputs)
        return number, time.monotonic()

    def wait(self, started: tuple) -> Done:
        """Wait for a started process."""
        number, at = started
        done = self.server.wait(number, self._outputs)
        seconds = time.monotonic() - at
        for name in ("stdout", "stderr"):
            (self._outputs / f"{number}.{name}").unlink()
        return Done(done.returncode, done.stdout + done.stderr, seconds)

    def run(self, folder: Path, arguments: Sequence[object], **options: object) -> Done:
        """Run a command to its end, see :meth:`start`."""
        return self.wait(self.start(folder, arguments, **options))


def check_nothing_left(folder: Path) -> None:
    """Raise :class:`BrokenError` where a temporary file or folder of a run is left."""
    marks = (".writing-", ".former-", ".partial")
    left = [path for path in folder.rglob("*") if any(mark in path.name for mark in marks)]
    left += [path for path in (folder / "tmp").iterdir() if not path.name.startswith(_OF_OTHERS)]
    left += list(folder.rglob("scratch/*"))
    left += [path for path in folder.rglob("*.pth") if path.stat().st_size < 100]
    if left:
        raise BrokenError(f"left behind: {', '.join(str(p.relative_to(folder)) for p in left[:4])}")


def check_equal(found: dict, expected: dict) -> None:
    """Raise :class:`BrokenError` with the names of what differs."""
    names = sorted(set(found) | set(expected))
    differing = [name for name in names if found.get(name) != expected.get(name)]
    if differing:
        raise BrokenError(f"another result: {', '.join(differing[:4])}")


def free_text(path: Path) -> str:
    """Contents of all files below a folder, for a search."""
    return "\n".join(
        file.read_bytes().decode("latin-1") for file in path.rglob("*") if file.is_file()
    )


def is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0
