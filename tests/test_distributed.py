"""Two processes on the CPU, through RecBole's own flags."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import recbole_llm4msr
from recbole_llm4msr import load_data_and_model
from recbole_llm4msr.trainer import get_trainer

ROOT = Path(recbole_llm4msr.__file__).parents[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize("embeddings", ["dense", "deferred_adam"])
def test_two_processes_report_the_metrics_of_all_rows(toy, tmp_path, embeddings: str) -> None:
    done = subprocess.run(
        [
            sys.executable, "-m", "recbole_llm4msr", "--model=LLM4MSR_STAR", "--dataset=toy",
            f"--data_path={tmp_path}", "--epochs=2", "--nproc=2", f"--port={free_port()}",
            "--knowledge=random", "--train_batch_size=128", "--eval_batch_size=37",
            f"--embedding_optimizer={embeddings}", "--result_json=r.json", "--use_gpu=False",
        ],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=240,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    reported = json.loads((tmp_path / "r.json").read_text())["test_result"]
    (checkpoint,) = (tmp_path / "saved").glob("*.pth")
    config, model, _, _, _, test = load_data_and_model(checkpoint)
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
    alone = trainer.evaluate(test, load_best_model=False)
    assert reported == pytest.approx(alone, abs=2e-6, nan_ok=True)
    assert done.stdout.count("LLM4MSR_STAR on toy") == 1
