"""The commands ``benchmark`` and ``tune``, from a study to the tables, on a small data set."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from recbole_llm4msr.cli import benchmark as cli
from recbole_llm4msr.cli.benchmark import benchmark_app, tune_app
from recbole_llm4msr.evaluation.benchmark.execution import (
    read_runs,
)
from recbole_llm4msr.evaluation.benchmark.plan import (
    study_from_options,
)
from recbole_llm4msr.util.checksum import verify_checksum, with_checksum
from tests.toy import toy_settings


def options(tmp_path, **more) -> list[str]:
    settings = toy_settings(tmp_path, **more)
    # The last is not an option of these models.
    del settings["checkpoint_dir"], settings["state"], settings["meta_dropout_prob"]
    return [f"--{key}={value}" for key, value in settings.items()]


@pytest.mark.core
def test_benchmark_writes_tables_and_does_not_repeat_runs(toy, tmp_path) -> None:
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
    recorded = [verify_checksum(json.loads(line)) for line in before.splitlines()]
    older = [json.dumps(with_checksum({**run, "code": "other"})) for run in recorded]
    (output / "runs.jsonl").write_text("\n".join(older) + "\n")
    refused = CliRunner().invoke(benchmark_app, command)
    assert refused.exit_code == 1
    assert "4 of 4 runs were made with other code" in refused.stderr
    third = CliRunner().invoke(benchmark_app, [*command, "--reuse-other-code"])
    assert third.exit_code == 0, third.output
    assert "4 runs were made with other code" in third.output


def test_a_failed_run_is_reported_and_the_others_continue(toy, tmp_path) -> None:
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
def test_invalid_options_end_with_one_line(given, message) -> None:
    result = CliRunner().invoke(benchmark_app, given)
    assert result.exit_code == 1
    assert message in result.stderr


def test_tune_is_seeded_continues_and_prints_the_best(toy, tmp_path) -> None:
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
        ("routing_rate choice [0.1]", [], "'routing_rate' is not an option of STAR"),
        (
            "learning_rate choice [0.1]",
            ["--algorithm=grid"],
            "not one of bayes, random, exhaustive",
        ),
        ("learning_rate choice [0.1]", ["--embeding_size=8"], "did you mean embedding_size"),
        ("learning_rate uniform 0,1", ["--algorithm=exhaustive"], "needs a choice for learning_r"),
        ("", [], "nothing to search"),
    ],
)
def test_an_invalid_search_ends_with_one_line(tmp_path, line, more, message) -> None:
    (tmp_path / "s.hyper").write_text(line + "\n")
    command = ["--model=STAR", "--dataset=toy", f"--params_file={tmp_path / 's.hyper'}", *more]
    result = CliRunner().invoke(tune_app, command)
    assert result.exit_code == 1
    assert message in result.stderr


@pytest.mark.parametrize("width", ["[4]", "'none'"])
def test_exhaustive_search_tries_every_point_or_reports_that_all_failed(
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


def test_settings_of_configuration_files_are_part_of_a_run(tmp_path) -> None:
    for rate in (0.1, 0.2):
        (tmp_path / "c.yaml").write_text(f"learning_rate: {rate}\nepochs: 3\n")
        files = ["--epochs=4", f"--config_files={tmp_path / 'c.yaml'}"]
        given = cli._read_settings(SimpleNamespace(args=files))
        assert given == ({"learning_rate": rate, "epochs": 3}, {"epochs": 4})
        study = study_from_options(
            dataset="toy", models=["STAR"], file_settings=given[0], settings=given[1]
        )
        assert study.settings == {"learning_rate": rate, "epochs": 4}
