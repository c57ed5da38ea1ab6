"""Measure the time from the command to the first training step on MovieLens 100K.

Run by hand::

    python benchmarks/first_step.py --output DIR
    python benchmarks/first_step.py --output DIR --before /path/to/an/older/checkout

A process runs the command and ends when the first step of an optimiser is done. With a warm cache
the processed data set and the knowledge lie on the disk; with a cold one the process makes them,
from a fresh copy of the files. The cases of all checkouts take turns.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
CASES = {
    "STAR": ("--model=STAR",),
    "LLM4MSR_STAR": ("--model=LLM4MSR_STAR",),
    "LLM4MSR_STAR, prompts of 8": ("--model=LLM4MSR_STAR", "--prompt_history=8"),
}
CACHES = ("warm", "cold")
_DONE = 42  # exit code after the first step

_PROGRAM = f"""
import os, runpy, sys
from torch.optim.optimizer import register_optimizer_step_post_hook
register_optimizer_step_post_hook(lambda *arguments: os._exit({_DONE}))
sys.argv[0] = "recbole_llm4msr"
runpy.run_module("recbole_llm4msr", run_name="__main__", alter_sys=True)
"""


def to_first_step(checkout: Path, arguments: tuple[str, ...], folder: Path) -> tuple[float, float]:
    """Return wall time and CPU time in seconds of a run that ends after its first step."""
    command = [*arguments, "--dataset=ml-100k", f"--data_path={folder}", "--use_gpu=False"]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != _DONE:
        raise RuntimeError(f"{checkout}, {arguments}: no training step\n{done.stderr[-2000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu


def fresh_copy(folder: Path) -> None:
    """Put the files of MovieLens 100K, which RecBole's wheel contains, into an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    package = Path(importlib.util.find_spec("recbole").origin).parent
    folder.mkdir(parents=True)
    shutil.copytree(package / "dataset_example" / "ml-100k", folder / "ml-100k")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="Folder of data and caches.")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--before", type=Path, nargs="*", default=[], help="Older checkouts.")
    options = parser.parse_args()
    checkouts = [HERE, *(path.resolve() for path in options.before)]
    times = {key: [] for key in product(CASES, CACHES, range(len(checkouts)))}
    for repeat in range(options.repeats + 1):
        for (case, cache, number), measured in times.items():
            folder = options.output.resolve() / f"{cache}-{number}"
            if cache == "cold" or not folder.exists():
                fresh_copy(folder)
            taken = to_first_step(checkouts[number], CASES[case], folder)
            if repeat:  # the first time fills the caches
                measured.append(taken)
            print(f"{repeat} {case}, {cache}, {number}: {taken[0]:.2f} s", file=sys.stderr)
    older = len(checkouts) - 1
    print("| command | cache | s | CPU, s |" + " before, s | CPU, s | CPU, ratio |" * older)
    print("|---|---|---|---|" + "---|---|---|" * older)
    for case, cache in product(CASES, CACHES):
        wall, cpu = zip(*times[case, cache, 0], strict=True)
        cells = [case, cache, f"{statistics.median(wall):.2f}", f"{statistics.median(cpu):.2f}"]
        for number in range(1, len(checkouts)):
            old_wall, old_cpu = zip(*times[case, cache, number], strict=True)
            ratio = statistics.median(new / old for new, old in zip(cpu, old_cpu, strict=True))
            numbers = (statistics.median(old_wall), statistics.median(old_cpu), ratio)
            cells += [f"{value:.2f}" for value in numbers]
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
