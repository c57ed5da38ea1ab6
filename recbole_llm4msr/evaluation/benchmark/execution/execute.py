"""Execution of one job in a process of its own, from its command to its finished run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from recbole_llm4msr.evaluation.benchmark.execution.code_version import (
    PACKAGE,
    code_fingerprint,
    git_commit,
)
from recbole_llm4msr.evaluation.benchmark.execution.jobs import Job, JobError, recorded_settings
from recbole_llm4msr.evaluation.benchmark.execution.records import Run
from recbole_llm4msr.util.checksum import file_checksum
from recbole_llm4msr.util.parent_watch import with_parent_watch

#: Folder of the checkpoints of running jobs, in the folder of a benchmark.
SCRATCH = "scratch"


def execute(job: Job, folder: Path, processes: list[subprocess.Popen], threads: int) -> Run:
    """Train and test ``job`` in a process of its own.

    Its output is in ``folder/logs``, its predictions in ``folder/predictions``; the checkpoint is
    removed once the predictions are there.

    Args:
        job: The model to train.
        folder: Folder of the benchmark.
        processes: List that has the process while it runs, so that it can be stopped.
        threads: Threads for numerical work.

    Raises:
        JobError: It ended without a result; the message has the last lines of its output.
    """
    folder = folder.resolve()
    scratch = folder / SCRATCH / f"{job.key}-{os.getpid()}"
    result_file = scratch / "result.json"
    predictions = folder / "predictions" / f"{job.key}.parquet"
    log = folder / "logs" / f"{job.key}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {"OMP_NUM_THREADS": str(threads), **os.environ, "PYTHONPATH": _search_path()}
    environment = with_parent_watch(environment)  # it ends with this process, killed or not
    try:
        with log.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(
                _command(job, scratch, result_file, predictions),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=environment,
            )
            processes.append(process)
            with process:  # closes the pipe, too
                process.wait()
            processes.remove(process)
        if process.returncode or not result_file.is_file():
            tail = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
            raise JobError("\n".join([f"exit code {process.returncode}; end of {log}:", *tail]))
        result = json.loads(result_file.read_text(encoding="utf-8"))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        with suppress(OSError):  # another run has its own folder there
            scratch.parent.rmdir()
    return Run(
        run=job.label,
        model=job.model,
        dataset=job.dataset,
        seed=job.seed,
        baseline=job.baseline,
        settings=recorded_settings(job.settings),
        phase=job.phase,
        valid=result["best_valid_result"],
        test=result["test_result"],
        curve=result["curve"],
        epochs=result["epochs"],
        seconds=result["seconds"],
        parameters=result["parameters"],
        predictions=str(predictions.relative_to(folder)) if predictions.is_file() else None,
        predictions_crc32=file_checksum(predictions) if predictions.is_file() else None,
        versions=result["versions"],
        git_commit=git_commit(),
        code=code_fingerprint(),
        data=job.data,
    )


def _command(job: Job, scratch: Path, result_file: Path, predictions: Path) -> list[str]:
    options = {
        **job.settings,
        "seed": job.seed,
        "checkpoint_dir": str(scratch),
        "result_json": str(result_file),
        "save_predictions": str(predictions),
    }
    command = [sys.executable, "-W", "ignore", "-m", "recbole_llm4msr"]
    command += [f"--model={job.model}", f"--dataset={job.dataset}"]
    return command + [f"--{key}={value}" for key, value in options.items()]


def _search_path() -> str:
    """Value of ``PYTHONPATH`` with which a process imports this package from any folder."""
    return os.pathsep.join(filter(None, [str(PACKAGE.parent), os.environ.get("PYTHONPATH")]))
