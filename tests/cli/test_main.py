"""The training command, called from Python."""

from __future__ import annotations

import json
import sys

import pytest

from recbole_llm4msr.__main__ import main


@pytest.mark.parametrize("program", ["run_recbole.py", "/bin/somebodys_script.py"])
def test_main_reads_its_arguments_instead_of_sys_argv(toy, tmp_path, monkeypatch, program) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [program, "--model=PLE", "--epochs=1", "--seed=5", "stray"])
    arguments = ["--model=STAR", "--dataset", "toy", f"--data_path={tmp_path}", "--epochs=3"]
    main([*arguments, "--train_batch_size=256", "--result_json=r.json", "--stopping_step=9"])
    written = json.loads((tmp_path / "r.json").read_text())
    assert (written["model"], written["epochs"], written["seed"]) == ("STAR", 3, 2020)
    assert written["config"]["train_batch_size"] == 256


def test_main_raises_on_an_argument_that_is_not_an_option(monkeypatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/bin/somebodys_script.py"])
    with pytest.raises(SystemExit, match="learning_rat .command line.: did you mean learning_rate"):
        main(["--model=STAR", "--dataset=ml-100k", "--learning_rat=1"])
    with pytest.raises(SystemExit, match="'stray' is not an option"):
        main(["--model=STAR", "--dataset=ml-100k", "stray"])
