"""Measure the start: CPU time of imports, of ``--help`` and of errors about arguments.

Run by hand::

    python benchmarks/startup.py
    python benchmarks/startup.py --before /path/to/an/older/checkout

Each case runs in its own process, and the cases take turns, so that other work on the machine
affects all of them. With ``--before``, the same commands are run from both checkouts.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
COMMAND = ("-m", "recbole_llm4msr")
CASES = {
    "import torch": ("-c", "import torch"),
    "import recbole_llm4msr": ("-c", "import recbole_llm4msr"),
    "from recbole_llm4msr import run": ("-c", "from recbole_llm4msr import run"),
    "--help": (*COMMAND, "--help"),
    "benchmark --help": (*COMMAND, "benchmark", "--help"),
    "tune --help": (*COMMAND, "tune", "--help"),
    "knowledge --help": (*COMMAND, "knowledge", "--help"),
    "convert --help": (*COMMAND, "convert", "--help"),
    "no data set": (*COMMAND, "--model=STAR"),
    "unknown model": (*COMMAND, "--model=STARR", "--dataset=ml-100k"),
    "unknown data set": (*COMMAND, "--model=STAR", "--dataset=tou"),
    "unknown key": (*COMMAND, "--model=STAR", "--dataset=ml-100k", "--epoch=1"),
    "wrong type": (*COMMAND, "--model=STAR", "--dataset=ml-100k", "--epochs=a"),
    "no option": (*COMMAND, "--model=STAR", "--dataset=ml-100k", "stray"),
    "benchmark, no models": (*COMMAND, "benchmark", "--dataset=ml-100k"),
    "tune, unknown model": (*COMMAND, "tune", "--model=STARR", "--dataset=ml-100k"),
    "unknown metric": (*COMMAND, "--model=STAR", "--dataset=ml-100k", "--metrics=AUCC"),
}


def cpu_seconds(arguments: tuple[str, ...], checkout: Path) -> float:
    """Return user and system time of a Python process and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, *arguments],
        cwd=checkout,  # Python looks there first
        env={**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--before", type=Path, help="An older checkout.")
    options = parser.parse_args()
    checkouts = [HERE, *([options.before.resolve()] if options.before else [])]
    times = {(name, checkout): [] for name in CASES for checkout in checkouts}
    for repeat in range(options.repeats + 1):
        for (name, checkout), seconds in times.items():
            taken = cpu_seconds(CASES[name], checkout)
            if repeat:  # the first time fills the machine's file cache
                seconds.append(taken)
    median = {case: statistics.median(seconds) for case, seconds in times.items()}
    torch = median["import torch", HERE]
    print(f"Python {platform.python_version()}, torch {version('torch')}, ", end="")
    print(f"median CPU seconds of {options.repeats} processes\n")
    print(
        "| case | s | / `import torch` |" + (" before, s | after / before |" * bool(options.before))
    )
    print("|---|---|---|" + "---|---|" * bool(options.before))
    for name in CASES:
        here = median[name, HERE]
        line = f"| `{name}` | {here:.2f} | {here / torch:.2f} |"
        if options.before:
            old = median[name, checkouts[1]]
            line += f" {old:.2f} | {here / old:.2f} |"
        print(line)


if __name__ == "__main__":
    main()
