"""A checkpoint's name is claimed before training, so that no two runs share a file."""

import json
import os
import subprocess
import sys

from dataset_converters import staging
from recbole_llm4msr.training.claimed_file import claim_unused, release, remove_abandoned_claims
from tests.toy import toy_settings, write_toy

RUN = """
import json, sys, time
from recbole.trainer import trainer
from recbole.utils import logger
trainer.get_local_time = logger.get_local_time = lambda: "the-same-second"
import recbole_llm4msr
from recbole_llm4msr import run
result = run("STAR", "toy", config_dict=json.loads(sys.argv[1]), command_line=[])
print(json.dumps(result["test_result"]["auc"]))
"""


def test_a_name_in_use_gets_a_number(tmp_path):
    names = [claim_unused(tmp_path / "STAR-now.pth").name for _ in range(3)]
    assert names == ["STAR-now.pth", "STAR-now-2.pth", "STAR-now-3.pth"]


def test_a_claim_is_removed_when_its_process_has_ended(tmp_path, monkeypatch):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with monkeypatch.context() as killed:
        killed.setattr(os, "getpid", lambda: ended.pid)
        abandoned, replaced = (claim_unused(tmp_path / name) for name in ("a.pth", "b.pth"))
        with monkeypatch.context() as elsewhere:
            elsewhere.setattr(staging.socket, "gethostname", lambda: "elsewhere")
            other_host = claim_unused(tmp_path / "c.pth")
    replaced.write_bytes(b"a checkpoint")
    (tmp_path / "empty.pth").touch()
    mine = claim_unused(tmp_path / "d.pth")
    assert remove_abandoned_claims(tmp_path, ".pth") == [abandoned]
    assert replaced.exists() and other_host.exists() and (tmp_path / "empty.pth").exists()
    for path in (mine, replaced, other_host):
        release(path)
    assert not mine.exists()
    assert replaced.exists() and other_host.exists()


def test_eight_runs_of_one_second_keep_their_own_models(tmp_path, fork_server):
    def start(one):
        where = {"cwd": one["checkpoint_dir"], "output": tmp_path}
        return fork_server.start(RUN, json.dumps(one), **where)

    def auc(number):
        done = fork_server.wait(number, tmp_path)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    write_toy(tmp_path)
    (tmp_path / "saved").mkdir()
    settings = [
        toy_settings(tmp_path, seed=seed, epochs=1, checkpoint_dir=str(tmp_path / "saved"))
        for seed in (1, 2, 3, 4)
    ]
    expected = [auc(start(one)) for one in settings]
    together = [start(one) for one in (*settings, *settings)]
    results = [auc(number) for number in together]
    assert results == expected * 2
    files = list((tmp_path / "saved").glob("STAR*.pth"))
    assert len(files) == 12
    assert all(file.stat().st_size > 1000 for file in files)
    for pattern in ("log/STAR/STAR-toy-*.log", "log_tensorboard/STAR-toy-*"):
        assert len(list((tmp_path / "saved").glob(pattern))) == 12
