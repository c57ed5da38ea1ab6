"""Recorded runs: written at once, used again, refused after a change of data or code."""

from __future__ import annotations

import json
import shutil

import pytest

from recbole_llm4msr.evaluation.benchmark.execution import (
    Job,
    Runner,
    read_runs,
    run_study,
)
from recbole_llm4msr.evaluation.benchmark.execution import runner as running
from recbole_llm4msr.evaluation.benchmark.execution.dataset_fingerprint import dataset_fingerprint
from recbole_llm4msr.evaluation.benchmark.plan import (
    StudyError,
)
from recbole_llm4msr.util.checksum import verify_checksum, with_checksum
from tests.evaluation.benchmark.runs import make_study
from tests.toy import write_toy


def test_recorded_runs_of_other_data_of_the_same_name_are_refused(executed, toy, tmp_path) -> None:
    given = make_study(settings={"learning_rate": 0.5, "data_path": str(tmp_path)})
    run_study(given, Runner(tmp_path / "r"))
    elsewhere = write_toy(tmp_path / "other", seed=1)
    moved = make_study(settings={"learning_rate": 0.5, "data_path": str(elsewhere.parent)})
    with pytest.raises(StudyError, match="STAR, seed 1, was trained on other data called toy"):
        run_study(moved, Runner(tmp_path / "r"))
    shutil.copytree(toy, elsewhere, dirs_exist_ok=True)
    (elsewhere / "toy.zip").write_text("files beside the data do not count")
    dataset_fingerprint.cache_clear()
    assert run_study(moved, Runner(tmp_path / "r")) == run_study(given, Runner(tmp_path / "r"))


def test_runs_shared_with_an_earlier_study_are_not_repeated(executed, tmp_path) -> None:
    run_study(make_study(), Runner(tmp_path))
    n_lines = len(read_runs(tmp_path / "runs.jsonl"))
    del executed[:]
    run_study(make_study(), Runner(tmp_path))
    assert executed == []
    assert len(read_runs(tmp_path / "runs.jsonl")) == n_lines
    run_study(make_study(seeds=(1, 2, 3)), Runner(tmp_path))
    assert [job.seed for job in executed] == [3, 3]


def test_a_run_is_recorded_when_it_ends(monkeypatch, executed, tmp_path) -> None:
    inner = running.execute

    def stops(job: Job, *rest):
        if job.seed == 2:
            raise KeyboardInterrupt
        return inner(job, *rest)

    monkeypatch.setattr(running, "execute", stops)
    with pytest.raises(KeyboardInterrupt):
        run_study(make_study(tune=0), Runner(tmp_path))
    assert [run.seed for run in read_runs(tmp_path / "runs.jsonl")] == [1]
    monkeypatch.setattr(running, "execute", inner)
    del executed[:]
    run_study(make_study(tune=0), Runner(tmp_path))
    assert len(executed) == 3


def test_recorded_runs_have_settings_versions_and_commit(executed, tmp_path) -> None:
    run_study(make_study(tune=0), Runner(tmp_path))
    line = json.loads((tmp_path / "runs.jsonl").read_text().splitlines()[0])
    assert {"run", "model", "dataset", "seed", "settings", "versions", "git_commit"} <= set(line)


def test_recorded_runs_of_other_code_are_counted_and_refused(executed, tmp_path) -> None:
    given = make_study(tune=0)
    run_study(given, Runner(tmp_path))
    records = tmp_path / "runs.jsonl"
    lines = [verify_checksum(json.loads(line)) for line in records.read_text().splitlines()]
    lines[0] |= {"code": "0123456789abcdef", "git_commit": "abc", "versions": {}}
    lines[3] |= {"code": None, "versions": {"recbole_llm4msr": "0.0.9"}}  # written before `code`
    records.write_text("".join(json.dumps(with_checksum(line)) + "\n" for line in lines))
    del executed[:]
    with pytest.raises(StudyError) as raised:
        run_study(given, Runner(tmp_path))
    assert "2 of 4 runs were made with other code of recbole_llm4msr" in str(raised.value)
    assert "(version 0.0.9, version unknown, commit abc)" in str(raised.value)
    assert "--reuse-other-code" in str(raised.value)
    runner = Runner(tmp_path, reuse_other_code=True)
    runs = run_study(given, runner)
    assert executed == [] and len(runner.reused_other_code) == 2
    assert [run.code for run in runs] == [line["code"] for line in lines]
    # Runs that a study does not need are not checked.
    run_study(make_study(tune=0, seeds=(2,), entries=given.entries[:1]), Runner(tmp_path))
