"""A checkpoint's name is claimed before training, so that no two runs share a file."""

import json
import os
import subprocess
import sys
from pathlib import Path

import recbole_llm4msr
from recbole_llm4msr.training.checkpoint import _create_unused
from tests.toy import toy_settings, write_toy

ROOT = Path(recbole_llm4msr.__file__).parents[1]

RUN = """
import json, sys, time
from recbole.trainer import trainer
trainer.get_local_time = lambda: "the-same-second"
import recbole_llm4msr
from recbole_llm4msr import run
result = run("STAR", "toy", config_dict=json.loads(sys.argv[1]), command_line=[])
print(json.dumps(result["test_result"]["auc"]))
"""


def start(settings):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", RUN, json.dumps(settings)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=settings["checkpoint_dir"],
    )


def test_a_name_in_use_gets_a_number(tmp_path):
    names = [_create_unused(tmp_path / "STAR-now.pth").name for _ in range(3)]
    assert names == ["STAR-now.pth", "STAR-now-2.pth", "STAR-now-3.pth"]


def test_eight_runs_of_one_second_keep_their_own_models(tmp_path):
    write_toy(tmp_path)
    (tmp_path / "saved").mkdir()
    settings = [
        toy_settings(tmp_path, seed=seed, epochs=1, checkpoint_dir=str(tmp_path / "saved"))
        for seed in (1, 2, 3, 4)
    ]
    expected = []
    for one in settings:
        process = start(one)
        expected.append(json.loads(process.communicate()[0].splitlines()[-1]))
    together = [start(one) for one in (*settings, *settings)]
    results = [json.loads(p.communicate()[0].splitlines()[-1]) for p in together]
    assert results == expected * 2
    files = list((tmp_path / "saved").glob("STAR*.pth"))
    assert len(files) == 12
    assert all(file.stat().st_size for file in files)
