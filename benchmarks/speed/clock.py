"""Wall time, CPU time and peak memory of the phases of one measurement; the machine it ran on."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

_PACKAGES = ("torch", "recbole", "numpy", "pandas", "polars")


def in_gib(maxrss: int) -> float:
    """Convert a peak memory from the system's unit (KiB on Linux, bytes on macOS) to GiB."""
    return maxrss / 2 ** (30 if sys.platform == "darwin" else 20)


class Clock(dict):
    """Seconds, CPU seconds and peak memory of every phase, by ``<phase>_<measure>``.

    Every finished phase is printed, so that the log of a stopped measurement shows the last one.
    """

    def __init__(self) -> None:
        super().__init__(start_peak_gib=self._peak())

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        """Time a phase."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self[f"{phase}_seconds"] = time.perf_counter() - wall
        self[f"{phase}_cpu_seconds"] = time.process_time() - cpu
        self[f"{phase}_peak_gib"] = self._peak()
        seconds, peak = self[f"{phase}_seconds"], self[f"{phase}_peak_gib"]
        print(f"phase {phase}: {seconds:.2f} s, peak {peak:.2f} GiB", flush=True)

    @staticmethod
    def _peak() -> float:
        return in_gib(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def machine() -> dict[str, Any]:
    """Return machine, versions and time of a measurement."""
    return {
        "when": datetime.now().astimezone().isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        "memory_gib": round(memory_gib(), 1),
        "system": f"{platform.system()} {platform.release()}",
        "load": round(os.getloadavg()[0], 2),
        "versions": {
            "Python": platform.python_version(),
            **{package: version(package) for package in _PACKAGES},
            "commit": _commit(),
        },
    }


def memory_gib() -> float:
    """Return the memory of the machine, in GiB."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True)
    except FileNotFoundError:
        return "unknown"
    return done.stdout.strip() or "unknown"
