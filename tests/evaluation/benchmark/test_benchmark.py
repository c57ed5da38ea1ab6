"""The commands ``benchmark`` and ``tune``, from a study to the tables, on a small data set."""

from __future__ import annotations

import json
import os
import shutil
import signal
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from recbole_llm4msr.cli import benchmark as cli
from recbole_llm4msr.cli.benchmark import benchmark_app, tune_app
from recbole_llm4msr.evaluation.benchmark import folder
from recbole_llm4msr.evaluation.benchmark import runner as running
from recbole_llm4msr.evaluation.benchmark.jobs import Job, JobError
from recbole_llm4msr.evaluation.benchmark.records import read_runs
from recbole_llm4msr.evaluation.benchmark.runner import Runner, planned, run_study
from recbole_llm4msr.evaluation.benchmark.study import Entry, Study, StudyError
from tests.evaluation.benchmark.runs import make_run
from tests.toy import toy_settings, write_toy


def options(tmp_path, **more) -> list[str]:
    settings = toy_settings(tmp_path, **more)
    del settings["checkpoint_dir"], settings["state"]
    return [f"--{key}={value}" for key, value in settings.items()]


@pytest.mark.core
def test_from_models_to_tables_and_never_twice(toy, tmp_path) -> None:
    output = tmp_path / "results"
    command = ["--dataset=toy", "--models=SharedBottom,LLM4MSR_SharedBottom", "--seeds=2"]
    command += ["--jobs=2", f"--output={output}", *options(tmp_path, knowledge="random")]
    first = CliRunner().invoke(benchmark_app, command)
    assert first.exit_code == 0, first.output
    runs = read_runs(output / "runs.jsonl")
    assert sorted((run.run, run.seed, run.baseline) for run in runs) == [
        ("LLM4MSR_SharedBottom", 2020, "SharedBottom"),
        ("LLM4MSR_SharedBottom", 2021, "SharedBottom"),
        ("SharedBottom", 2020, None),
        ("SharedBottom", 2021, None),
    ]
    for run in runs:
        assert {"auc", "auc@feed", "logloss", "gauc@mean"} <= set(run.test)
        assert len(run.curve) == run.epochs == 2
        assert run.parameters > 0
        assert run.settings["knowledge"] == "random"
        assert "data_path" not in run.settings  # the same run, wherever its files lie
        assert (output / run.predictions).is_file()
    assert not (output / "scratch").exists()  # checkpoints are gone
    assert "toy: test auc on all rows" in first.output
    assert first.output.count("±") == 2
    before = (output / "runs.jsonl").read_bytes()
    second = CliRunner().invoke(benchmark_app, command)
    assert second.exit_code == 0, second.output
    assert (output / "runs.jsonl").read_bytes() == before


def test_a_run_that_fails_is_told_and_the_others_go_on(toy, tmp_path) -> None:
    (tmp_path / "s.yaml").write_text(
        "dataset: toy\nruns: {SharedBottom: , odd: {model: STAR, settings: {dropout_prob: x}}}\n"
    )
    command = [f"--config={tmp_path / 's.yaml'}", f"--output={tmp_path / 'r'}"]
    result = CliRunner().invoke(benchmark_app, [*command, *options(tmp_path, epochs=1)])
    assert result.exit_code == 1
    assert "failed: odd" in result.output
    assert "1 runs failed" in result.output
    assert [run.run for run in read_runs(tmp_path / "r" / "runs.jsonl")] == ["SharedBottom"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "give --dataset and --models"),
        (["--dataset=toy", "--models=STAR", "--learning_rat=1"], "did you mean learning_rate"),
        (["--dataset=toy", "--models=STAR", "stray"], "'stray' is not an option"),
        (["--config=no.yaml"], "there is no such study"),
        (["--dataset=toy", "--models=STAR", "--baseline=MMoE"], "baseline 'MMoE' is not among"),
        (["--dataset=toy", "--models=STAR,STARR"], "STARR: model: there is no model 'STARR'"),
        (["--dataset=toy", "--models=STAR", "--seed=7"], "'seed' is not set here: give `seeds`"),
        (["--dataset=toy", "--model=STAR", "--models=STAR"], "'model' is not set here"),
        (["--dataset=toy", "--models=STAR", "--config_files=no.yaml"], "no.yaml"),
    ],
)
def test_bad_commands_end_with_one_line(given, message) -> None:
    result = CliRunner().invoke(benchmark_app, given)
    assert result.exit_code == 1
    assert message in result.stderr


@pytest.mark.core
def test_tune_is_seeded_goes_on_and_names_the_best(toy, tmp_path) -> None:
    space = tmp_path / "s.hyper"
    space.write_text("learning_rate loguniform -8,-3\ndropout_prob choice [0.0,0.2]\n")
    command = ["--model=SharedBottom", "--dataset=toy", f"--params_file={space}", "--trials=2"]
    command += [f"--output={tmp_path / 'r'}", *options(tmp_path, epochs=1)]
    first = CliRunner().invoke(tune_app, command)
    assert first.exit_code == 0, first.output
    runs = read_runs(tmp_path / "r" / "runs.jsonl")
    assert [run.phase for run in runs] == ["trial", "trial"]
    best = max(runs, key=lambda run: run.valid["auc"])
    assert f"--learning_rate={best.settings['learning_rate']}" in first.output.replace("\n", "")
    again = CliRunner().invoke(tune_app, command)
    assert again.exit_code == 0, again.output
    assert read_runs(tmp_path / "r" / "runs.jsonl") == runs


@pytest.mark.parametrize(
    ("line", "more", "message"),
    [
        ("learning_rat choice [1]", [], "did you mean learning_rate"),
        ("learning_rate chioce [1]", [], "Illegal param type"),
        ("learning_rate choice 0.1", [], "a line is `key choice [a,b]`"),
        ("routing_rate choice [0.1]", [], "'routing_rate' is no option of STAR"),
        ("learning_rate choice [0.1]", ["--algorithm=grid"], "none of bayes, random, exhaustive"),
        ("learning_rate choice [0.1]", ["--embeding_size=8"], "did you mean embedding_size"),
        ("learning_rate uniform 0,1", ["--algorithm=exhaustive"], "needs a choice for learning_r"),
        ("", [], "nothing to search"),
    ],
)
def test_a_bad_search_ends_with_one_line(tmp_path, line, more, message) -> None:
    (tmp_path / "s.hyper").write_text(line + "\n")
    command = ["--model=STAR", "--dataset=toy", f"--params_file={tmp_path / 's.hyper'}", *more]
    result = CliRunner().invoke(tune_app, command)
    assert result.exit_code == 1
    assert message in result.stderr


@pytest.mark.parametrize("width", ["[4]", "'none'"])
def test_an_exhaustive_search_tries_every_point_or_says_that_none_can_be_trained(
    toy, tmp_path, width
) -> None:
    space = tmp_path / "s.hyper"
    space.write_text(f"learning_rate choice [0.01,0.02]\nmlp_hidden_size choice [{width}]\n")
    command = ["--model=SharedBottom", "--dataset=toy", f"--params_file={space}"]
    command += ["--algorithm=exhaustive", f"--output={tmp_path / 'r'}"]
    command += [o for o in options(tmp_path, epochs=1) if "mlp_hidden" not in o]
    result = CliRunner().invoke(tune_app, command)
    if width == "'none'":
        assert result.exit_code == 1
        assert "no trial of SharedBottom could be trained" in result.stderr
        return
    assert result.exit_code == 0, result.output
    runs = read_runs(tmp_path / "r" / "runs.jsonl")
    assert [run.settings["learning_rate"] for run in runs] == [0.01, 0.02]
    assert {tuple(run.settings["mlp_hidden_size"]) for run in runs} == {(4,)}


def test_other_data_of_the_same_name_are_not_taken_for_the_same(executed, toy, tmp_path) -> None:
    given = study(settings={"learning_rate": 0.5, "data_path": str(tmp_path)})
    run_study(given, Runner(tmp_path / "r"))
    elsewhere = write_toy(tmp_path / "other", seed=1)
    moved = study(settings={"learning_rate": 0.5, "data_path": str(elsewhere.parent)})
    with pytest.raises(StudyError, match="STAR, seed 1, was trained on other data called toy"):
        run_study(moved, Runner(tmp_path / "r"))
    shutil.copytree(toy, elsewhere, dirs_exist_ok=True)
    (elsewhere / "toy.zip").write_text("what lies beside the data is not the data")
    folder.fingerprint.cache_clear()
    assert run_study(moved, Runner(tmp_path / "r")) == run_study(given, Runner(tmp_path / "r"))


def test_what_stands_in_a_configuration_file_is_part_of_a_run(tmp_path) -> None:
    for rate in (0.1, 0.2):
        (tmp_path / "c.yaml").write_text(f"learning_rate: {rate}\nepochs: 3\n")
        files = ["--epochs=4", f"--config_files={tmp_path / 'c.yaml'}"]
        given = cli._settings(SimpleNamespace(args=files))
        assert given == ({"learning_rate": rate, "epochs": 3}, {"epochs": 4})
        study = cli._study(None, "toy", "STAR", *given)
        assert study.settings == {"learning_rate": rate, "epochs": 4}


def test_a_folder_has_one_benchmark_at_a_time_and_a_kill_is_heard(tmp_path) -> None:
    with folder.sole_user(tmp_path / "r"):
        with (
            pytest.raises(StudyError, match="another benchmark is running in this folder"),
            folder.sole_user(tmp_path / "r"),
        ):
            pass
        with pytest.raises(SystemExit):
            os.kill(os.getpid(), signal.SIGTERM)
    with folder.sole_user(tmp_path / "r"):
        pass


def test_what_could_not_be_tuned_is_not_compared_as_if(monkeypatch, executed, tmp_path) -> None:
    inner = running.execute

    def fails(job: Job, *rest):
        if job.model == "STAR":
            raise JobError("no")
        return inner(job, *rest)

    monkeypatch.setattr(running, "execute", fails)
    entries = (*study().entries, Entry("MMoE", "MMoE"))
    space = {"learning_rate": [0.01, 0.02]}
    runner = Runner(tmp_path)
    runs = run_study(Study("toy", entries, (1,), tune=2, space=space), runner)
    assert [(run.run, run.phase) for run in runs] == [("MMoE", "final")]
    assert len(runner.failed) == 2


def test_trials_are_judged_by_a_metric_that_they_have(executed, tmp_path) -> None:
    given = study(settings={"learning_rate": 0.5, "valid_metric": "AUC@Home"})
    with pytest.raises(ValueError, match="did not measure auc@Home.* only auc"):
        run_study(given, Runner(tmp_path))


@pytest.fixture
def executed(monkeypatch) -> list[Job]:
    """Jobs that were run; what a run finds depends on its learning rate alone."""
    done: list[Job] = []

    def execute(job: Job, *_):
        done.append(job)
        rate = job.settings["learning_rate"]
        metrics = {"auc": 1 - abs(rate - 0.02)}
        return make_run(
            run=job.label, model=job.model, dataset=job.dataset, seed=job.seed,
            settings=dict(job.settings), phase=job.phase, baseline=job.baseline, data=job.data,
            valid=metrics, test=metrics,
        )  # fmt: skip

    monkeypatch.setattr(running, "execute", execute)
    return done


def study(**more) -> Study:
    entries = (
        Entry("STAR", "STAR"),
        Entry("small", "STAR", {"embedding_size": 4}, "STAR", "STAR"),
    )
    given = {"seeds": (1, 2), "settings": {"learning_rate": 0.5}, "tune": 9}
    space = {"learning_rate": [0.01, 0.02, 0.04]}
    return Study("toy", entries, **{**given, "space": space, **more})


def test_the_best_by_validation_is_trained_with_every_seed(executed, tmp_path) -> None:
    runs = run_study(study(), Runner(tmp_path))
    assert [(run.run, run.seed, run.phase) for run in runs] == [
        ("STAR", 1, "final"),
        ("STAR", 2, "final"),
        ("small", 1, "final"),
        ("small", 2, "final"),
    ]
    assert {run.settings["learning_rate"] for run in runs} == {0.02}
    assert runs[2].settings["embedding_size"] == 4
    # Three trials, of which one is the final run of the first seed; `small` was not tuned itself.
    assert len(executed) == 3 + 1 + 2
    assert planned(study()) == 3 + 4


def test_what_a_later_study_shares_with_an_earlier_one_is_not_run_again(executed, tmp_path) -> None:
    run_study(study(), Runner(tmp_path))
    n_lines = len(read_runs(tmp_path / "runs.jsonl"))
    del executed[:]
    run_study(study(), Runner(tmp_path))
    assert executed == []
    assert len(read_runs(tmp_path / "runs.jsonl")) == n_lines
    run_study(study(seeds=(1, 2, 3)), Runner(tmp_path))
    assert [job.seed for job in executed] == [3, 3]


def test_a_run_is_written_when_it_ends_not_when_all_have(monkeypatch, executed, tmp_path) -> None:
    inner = running.execute

    def stops(job: Job, *rest):
        if job.seed == 2:
            raise KeyboardInterrupt
        return inner(job, *rest)

    monkeypatch.setattr(running, "execute", stops)
    with pytest.raises(KeyboardInterrupt):
        run_study(study(tune=0), Runner(tmp_path))
    assert [run.seed for run in read_runs(tmp_path / "runs.jsonl")] == [1]
    monkeypatch.setattr(running, "execute", inner)
    del executed[:]
    run_study(study(tune=0), Runner(tmp_path))
    assert len(executed) == 3


def test_the_lines_are_json_with_what_repeats_the_run(executed, tmp_path) -> None:
    run_study(study(tune=0), Runner(tmp_path))
    line = json.loads((tmp_path / "runs.jsonl").read_text().splitlines()[0])
    assert {"run", "model", "dataset", "seed", "settings", "versions", "git_commit"} <= set(line)
