"""Processes end with the command that started them, killed or not."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

import recbole_llm4msr
from tests.training.test_processes import free_port

ROOT = Path(recbole_llm4msr.__file__).parents[1]

#: Seconds after which a process may not run any more; a process that is importing takes longest.
PATIENCE = 10

COMMANDS = {
    "training": ["--model=STAR", "--nproc=2", "--oversubscribe=True"],
    "benchmark": ["benchmark", "--models=STAR", "--seeds=2", "--jobs=2", "--output=results"],
    "tune": ["tune", "--model=STAR", "--trials=3", "--output=results"],
}


def started_by(parent: psutil.Popen, least: int) -> list[psutil.Process]:
    """Wait until the command has started processes, and each has run for a moment."""
    found: list[psutil.Process] = []
    for _ in range(900):
        if parent.poll() is not None:
            break
        found = [child for child in parent.children(recursive=True) if is_at_work(child)]
        if len(found) >= least:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{parent} has started {len(found)} processes")


def is_at_work(process: psutil.Process) -> bool:
    """Whether a process has run for a moment, and not only to ask git for a commit."""
    with suppress(psutil.NoSuchProcess):
        of_multiprocessing = "resource_tracker" in " ".join(process.cmdline())  # it ends itself
        return process.cpu_times().user > 0.5 and not of_multiprocessing
    return False


def all_end(processes: list[psutil.Process]) -> bool:
    """Whether all end in time; a zombie has, and waits for init to collect its exit code."""
    for _ in range(PATIENCE * 10):
        if not any(map(is_alive, processes)):
            return True
        time.sleep(0.1)
    return False


def is_alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


@pytest.mark.parametrize(
    ("name", "how"),
    [*((name, signal.SIGKILL) for name in COMMANDS), ("training", signal.SIGTERM)],
    ids=str,
)
def test_no_process_outlives_the_command(toy, tmp_path, name, how) -> None:
    options = ["--dataset=toy", f"--data_path={tmp_path}", "--use_gpu=False"]
    options += ["--epochs=100000", "--stopping_step=100000"]
    options += [f"--port={free_port()}"] if name == "training" else []
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with (tmp_path / "output").open("w") as output:
        command = psutil.Popen(
            [sys.executable, "-m", "recbole_llm4msr", *COMMANDS[name], *options],
            cwd=tmp_path,
            env=environment,
            stdout=output,
            stderr=output,
        )
    children: list[psutil.Process] = []
    try:
        children = started_by(command, 1 if name == "tune" else 2)
        command.send_signal(how)
        command.wait(PATIENCE)
        assert all_end(children)
    except BaseException:
        print((tmp_path / "output").read_text()[-3000:])
        raise
    finally:
        for process in (command, *children):
            with suppress(psutil.NoSuchProcess):
                process.kill()
