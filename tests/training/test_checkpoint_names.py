"""A checkpoint's name is claimed before training, so that no two runs share a file."""

import json

from recbole_llm4msr.training.checkpoint import _create_unused
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
    names = [_create_unused(tmp_path / "STAR-now.pth").name for _ in range(3)]
    assert names == ["STAR-now.pth", "STAR-now-2.pth", "STAR-now-3.pth"]


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
    assert all(file.stat().st_size for file in files)
    for pattern in ("log/STAR/STAR-toy-*.log", "log_tensorboard/STAR-toy-*"):
        assert len(list((tmp_path / "saved").glob(pattern))) == 12
