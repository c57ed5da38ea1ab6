"""One run of a benchmark: a process of its own, whose result becomes a line of ``runs.jsonl``."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from recbole_llm4msr.evaluation.benchmark.records import Run

#: Settings that say where and how loudly a run works, not what comes of it.
WHERE_KEYS = ("data_path", "knowledge_path", "use_gpu", "gpu_id", "state", "show_progress")


class JobError(RuntimeError):
    """A run that ended without a result."""


@dataclass(frozen=True)
class Job:
    """What one run trains.

    Attributes:
        label: Row of the table it belongs to.
        model: Name of the model.
        dataset: Name of the data set.
        seed: Seed.
        settings: Configuration.
        baseline: Row that it is compared with.
        phase: ``trial`` of tuning, or ``final``.
        data: Fingerprint of the data set's files.
    """

    label: str
    model: str
    dataset: str
    seed: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    baseline: str | None = None
    phase: str = "final"
    data: str | None = None

    @property
    def key(self) -> str:
        """Name of what is trained, whatever it is called and for whatever it is done."""
        return key_of(self.model, self.dataset, self.seed, self.settings)


def key_of(model: str, dataset: str, seed: int, settings: Mapping[str, Any]) -> str:
    """Two runs with the same key are the same run."""
    what = json.dumps([model, dataset, seed, _what(settings)], sort_keys=True)
    return f"{model}-{seed}-{hashlib.sha256(what.encode()).hexdigest()[:12]}"


def _what(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key not in WHERE_KEYS}


def execute(job: Job, folder: Path, processes: list[subprocess.Popen], threads: int) -> Run:
    """Train and test ``job`` in a process of its own.

    Its output is in ``folder/logs``, its predictions in ``folder/predictions``; the checkpoint is
    removed once the predictions are there.

    Args:
        job: What to train.
        folder: Folder of the benchmark.
        processes: The process stands here while it runs, so that it can be stopped.
        threads: Threads for numerical work.

    Raises:
        JobError: It ended without a result; the message has the last lines of its output.
    """
    folder = folder.resolve()
    scratch = folder / "scratch" / job.key
    result, predictions = scratch / "result.json", folder / "predictions" / f"{job.key}.parquet"
    options = {
        **job.settings,
        "seed": job.seed,
        "checkpoint_dir": str(scratch),
        "result_json": str(result),
        "save_predictions": str(predictions),
    }
    command = [sys.executable, "-W", "ignore", "-m", "recbole_llm4msr"]
    command += [f"--model={job.model}", f"--dataset={job.dataset}"]
    command += [f"--{key}={value}" for key, value in options.items()]
    environment = {"OMP_NUM_THREADS": str(threads), **os.environ, "PYTHONPATH": _search_path()}
    log = folder / "logs" / f"{job.key}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        with log.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
            processes.append(process)
            process.wait()
            processes.remove(process)
        if process.returncode or not result.is_file():
            tail = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
            raise JobError("\n".join([f"exit code {process.returncode}; end of {log}:", *tail]))
        found = json.loads(result.read_text(encoding="utf-8"))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        with suppress(OSError):  # another run has its own there
            scratch.parent.rmdir()
    return Run(
        run=job.label,
        model=job.model,
        dataset=job.dataset,
        seed=job.seed,
        baseline=job.baseline,
        settings=_what(job.settings),
        phase=job.phase,
        valid=found["best_valid_result"],
        test=found["test_result"],
        curve=found["curve"],
        epochs=found["epochs"],
        seconds=found["seconds"],
        parameters=found["parameters"],
        predictions=str(predictions.relative_to(folder)) if predictions.is_file() else None,
        versions=found["versions"],
        git_commit=git_commit(),
        data=job.data,
    )


def _search_path() -> str:
    """Where a process finds this package, installed or not, from whatever folder it is started."""
    here = str(Path(__file__).parents[3])
    return os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))


@cache
def git_commit() -> str | None:
    """The commit that this package is run from; ``+`` marks changes, ``None`` no checkout."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(here), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None
