"""Lock of a benchmark's folder: one benchmark at a time writes into it."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from recbole_llm4msr.evaluation.benchmark.execution.execute import SCRATCH
from recbole_llm4msr.evaluation.benchmark.plan import StudyError


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Lock a folder, which is made, and raise ``SystemExit`` on SIGTERM while it is locked.

    The operating system releases the lock when the process ends, however it ends.

    Raises:
        StudyError: Another benchmark has locked the folder, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudyError(f"--output: {folder} is not a folder to write to: {error}") from error
    handler = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        try:
            lock = FileLock(folder / ".lock", timeout=0).acquire()
        except Timeout as error:
            raise StudyError(
                f"{folder}: another benchmark is running in this folder; wait for it, or give "
                "another --output"
            ) from error
        with lock:
            # What a killed benchmark left; its processes have ended with it.
            shutil.rmtree(folder / SCRATCH, ignore_errors=True)
            yield
    finally:
        signal.signal(signal.SIGTERM, handler)
