"""Two processes on the CPU, through RecBole's own flags."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import torch

import recbole_llm4msr
from recbole_llm4msr import load_data_and_model, quick_start, run
from recbole_llm4msr.pipeline import processes
from recbole_llm4msr.pipeline.processes import check_processes
from recbole_llm4msr.training.trainer import get_trainer
from tests.toy import toy_settings

ROOT = Path(recbole_llm4msr.__file__).parents[1]

#: Run by every process as it starts: a checkpoint takes its time, as that of a large model does.
SLOW_DISK = """
import time, torch
save = torch.save
def slow(*arguments, **options):
    time.sleep(1)
    save(*arguments, **options)
torch.save = slow
"""

#: A process group during which torch's compiler is imported; it must end when it is destroyed.
SHORT_LIVED = """
import weakref, torch
from torch import distributed
from recbole_llm4msr.util.collectives import before_process_group, of_first_process
before_process_group()
distributed.init_process_group("gloo", init_method="tcp://localhost:{port}", rank=0, world_size=1)
group = weakref.ref(distributed.group.WORLD)
assert group() is not None and of_first_process(3) == 3
import torch._dynamo
distributed.destroy_process_group()
assert group() is None
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def big_result(rank: int, model, dataset, files, options: dict) -> None:
    """Stand-in for the training of one process of :func:`run`, with a large result."""
    options["queue"].put({"text": "x" * 200_000})


class Gpus:
    """What a configuration says of the machine."""

    def __init__(self, gpu_id: str) -> None:
        self.settings = {"use_gpu": True, "gpu_id": gpu_id}

    def __getitem__(self, key: str):
        return self.settings[key]


def test_there_is_a_gpu_for_each_process(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    check_processes(2, Gpus("0,1"))
    with pytest.raises(ValueError, match=r"gpu_id: 0 gives 1. .*--gpu_id=0,1 --nproc=2"):
        check_processes(2, Gpus("0"))
    with pytest.raises(ValueError, match="gives 4"):
        check_processes(8, Gpus("0,1,2,3,4,5,6,7"), oversubscribe=True)


def test_processes_share_cores_only_if_told_to(monkeypatch) -> None:
    monkeypatch.setattr(processes, "_cores", lambda: 3)
    config = {"use_gpu": False}
    check_processes(3, config)
    with pytest.raises(ValueError, match=r"--nproc=3 or less, or --oversubscribe=True"):
        check_processes(4, config)
    check_processes(4, config, oversubscribe=True)


@pytest.mark.parametrize(
    ("model", "embeddings"),
    [
        ("LLM4MSR_STAR", "dense"),
        ("LLM4MSR_STAR", "deferred_adam"),
        ("AdaptDHM", "rowwise_adagrad"),
        ("DCN", "sparse_adam"),  # has a table that never gets a gradient
    ],
)
def test_two_processes_report_the_metrics_of_all_rows(toy, tmp_path, model, embeddings) -> None:
    (tmp_path / "sitecustomize.py").write_text(SLOW_DISK)
    done = subprocess.run(
        [
            sys.executable, "-m", "recbole_llm4msr", f"--model={model}", "--dataset=toy",
            f"--data_path={tmp_path}", "--epochs=2", "--nproc=2", f"--port={free_port()}",
            "--knowledge=random", "--train_batch_size=128", "--eval_batch_size=37",
            f"--embedding_optimizer={embeddings}", "--result_json=r.json", "--use_gpu=False",
            "--save_predictions=p.parquet",
        ],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=240,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    reported = json.loads((tmp_path / "r.json").read_text())["test_result"]
    (checkpoint,) = (tmp_path / "saved").glob("*.pth")
    config, trained, _, _, _, test = load_data_and_model(checkpoint)
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, trained)
    alone = trainer.evaluate(test, load_best_model=False)
    assert reported == pytest.approx(alone, abs=2e-6, rel=1e-6, nan_ok=True)
    assert done.stdout.count(f"{model} on toy") == 1
    scores = torch.tensor(pl.read_parquet(tmp_path / "p.parquet")["score"].to_list())
    torch.testing.assert_close(scores, trainer.predict_rows(test).get("rec.score"))
    # Centres that two processes had moved apart would not have a mean of length one.
    for centres in (b for name, b in trained.named_buffers() if name.endswith("centres")):
        torch.testing.assert_close(centres.norm(dim=1), torch.ones(len(centres)))


def test_a_process_group_ends_with_its_run() -> None:
    program = SHORT_LIVED.format(port=free_port())
    subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True
    )


def test_a_result_may_be_larger_than_a_pipe(monkeypatch) -> None:
    monkeypatch.setattr(quick_start, "run_recboles", big_result)
    found = run("STAR", "toy", nproc=1, world_size=1)
    assert len(found["text"]) == 200_000


def refusing(rank: int, model, dataset, files, options: dict) -> None:
    """A process that cannot use the data."""
    raise OSError("d.inter: there is no such file")


def test_what_a_process_refuses_is_one_sentence_of_the_command(monkeypatch) -> None:
    monkeypatch.setattr(quick_start, "run_recboles", refusing)
    with pytest.raises(ValueError, match=r"^d\.inter: there is no such file$"):
        run("STAR", "toy", nproc=1, world_size=1)


def test_settings_reach_every_process_and_the_callers_dict_is_unchanged(toy, tmp_path) -> None:
    settings = toy_settings(tmp_path, epochs=1)
    given = dict(settings)
    result = run("STAR", "toy", None, given, saved=False, nproc=2, port=str(free_port()))
    assert given == settings
    assert 0 < result["test_result"]["auc"] < 1
    assert not list((tmp_path / "saved").glob("*"))
