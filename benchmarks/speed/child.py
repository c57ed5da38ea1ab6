"""Running one measurement in its own process, with limits of memory and time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from speed.clock import in_gib

_PAUSE = 0.2  # seconds between two checks of a child; adds at most as much to its time
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Limits:
    """Limits at which a measurement is stopped.

    Attributes:
        memory_gib: Resident memory, in GiB.
        seconds: Wall time.
    """

    memory_gib: float
    seconds: float


class MeasurementError(RuntimeError):
    """A measurement ended without a result; the message names its log."""


def measure(job: dict[str, Any], result: Path, log: Path, limits: Limits) -> dict[str, Any]:
    """Run one job; return its numbers, with peak memory and CPU time.

    Args:
        job: Argument of ``speed.py --job``.
        result: File to which the child writes its numbers.
        log: File of its output.
        limits: Limits at which it is stopped.

    Returns:
        ``values``, ``seconds`` (of the whole process) and ``stopped``: why it was stopped, or "".

    Raises:
        MeasurementError: It failed.
    """
    result.unlink(missing_ok=True)
    work = result.parent / "work"  # RecBole writes logs and checkpoints into the current folder
    for folder in (work, log.parent):
        folder.mkdir(parents=True, exist_ok=True)
    script = Path(__file__).parents[1] / "speed.py"
    command = [
        *(sys.executable, "-W", "ignore", str(script)),
        *("--job", json.dumps(job), "--result", str(result)),
    ]
    path = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    start = time.perf_counter()
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            command,
            stdout=file,
            stderr=file,
            cwd=work,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,
        )
        try:
            status, usage, stopped = _watch(process.pid, start, limits)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        process.returncode = os.waitstatus_to_exitcode(status)
    values: dict[str, Any] = {}
    if not stopped:
        if process.returncode or not result.exists():
            raise MeasurementError(f"status {process.returncode}; see {log}")
        values = json.loads(result.read_text(encoding="utf-8"))
        result.unlink()
    elif reached := _phases(log):
        stopped += f", after {reached[-1].removeprefix('phase ')}"
    values["peak_gib"] = in_gib(usage.ru_maxrss)
    values["process_cpu_seconds"] = usage.ru_utime + usage.ru_stime
    return {"values": values, "seconds": time.perf_counter() - start, "stopped": stopped}


def _watch(pid: int, start: float, limits: Limits) -> tuple[int, Any, str]:
    """Wait for a child and kill it when it exceeds a limit; return status, usage and reason."""
    stopped = ""
    while True:
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            return status, usage, stopped
        seconds, memory = time.perf_counter() - start, _resident_gib(pid)
        if not stopped and memory > limits.memory_gib:
            stopped = f"stopped above {limits.memory_gib:.1f} GiB at {seconds:.0f} s"
        if not stopped and seconds > limits.seconds:
            stopped = f"stopped at {limits.seconds:.0f} s with {memory:.1f} GiB"
        if stopped:
            os.killpg(pid, signal.SIGKILL)
        time.sleep(_PAUSE)


def _resident_gib(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):  # no such file on this system, or the child has just ended
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**30


def _phases(log: Path) -> list[str]:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line for line in lines if line.startswith("phase ")]
