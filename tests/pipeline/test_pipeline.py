"""Runs from end to end, of this package's models and of RecBole's."""

from __future__ import annotations

import copy
import json
import math
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
import torch

import recbole_llm4msr
from recbole_llm4msr import (
    CheckpointError,
    Config,
    create_dataset,
    data_preparation,
    get_model,
    load_data_and_model,
    objective_function,
    run,
)
from tests.fresh_process import RUN_MODULE
from tests.toy import toy_settings

ROOT = Path(recbole_llm4msr.__file__).parents[1]
CONTEXT_MODELS = (
    "LR FM DeepFM WideDeep DCN DCNV2 AutoInt xDeepFM PNN NFM AFM FwFM FiGNN EulerNet FNN DSSM FFM"
).split()


def command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "recbole_llm4msr", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "COLUMNS": "120"},
    )


@pytest.mark.parametrize("model", CONTEXT_MODELS)
def test_recboles_context_models_run_with_the_same_metrics(toy, tmp_path, model: str) -> None:
    # 2 is the number of fields per field pair that some of them need; FFM and FwFM take no others.
    settings = toy_settings(
        tmp_path, epochs=1, load_col={"inter": ["user_id", "item_id", "scenario", "label"]},
        numerical_features=[], double_tower=model == "DSSM", allow_unknown_keys=True,
        fields={0: ["user_id"], 1: ["item_id", "scenario"]} if model == "FFM" else None,
    )  # fmt: skip
    if model == "DSSM":  # reads user and item features apart, and needs both
        settings["load_col"] |= {"user": ["user_id", "age"], "item": ["item_id", "tags"]}
    if model in ("EulerNet", "FiGNN", "PNN", "NFM", "AutoInt"):
        settings.pop("mlp_hidden_size")
    result = run(model, "toy", config_dict=settings)
    assert {"auc", "logloss@feed", "gauc@mean"} <= set(result["test_result"])


def test_result_predictions_and_checkpoint_agree(toy, tmp_path) -> None:
    settings = toy_settings(
        tmp_path,
        result_json=str(tmp_path / "out" / "r.json"),
        save_predictions=str(tmp_path / "out" / "p.parquet"),
        knowledge="lsa",
    )
    result = run("LLM4MSR_STAR", "toy", config_dict=settings)
    written = json.loads((tmp_path / "out" / "r.json").read_text())
    assert written["test_result"] == result["test_result"]
    assert {"training", "test"} <= set(written["seconds"])
    assert written["versions"]["recbole"] == "1.2.1"
    assert (written["seed"], written["config"]["knowledge"]) == (2020, "lsa")

    (checkpoint,) = (tmp_path / "saved").glob("*.pth")
    _, model, dataset, train_data, _, test_data = load_data_and_model(checkpoint)
    model.eval()
    with torch.no_grad():
        scores = torch.cat([model.predict(batch[0]) for batch in test_data])
    scores = scores[torch.argsort(test_data.order)]  # which are gone through user by user
    table = pl.read_parquet(tmp_path / "out" / "p.parquet")
    assert torch.equal(scores, torch.tensor(table["score"].to_numpy()))
    assert set(table["scenario"]) <= set(dataset.scenario_tokens)
    trained = dataset.id2token("user_id", train_data.dataset.inter_feat["user_id"].numpy())
    counts = Counter(trained)
    assert table["train_rows"].to_list() == [counts[user] for user in table["user"]]


def test_same_seed_reproduces_results_bit_for_bit(toy, tmp_path) -> None:
    settings = toy_settings(tmp_path, knowledge="lsa", dropout_prob=0.2)
    first = run("LLM4MSR_STAR", "toy", config_dict=settings)
    assert run("LLM4MSR_STAR", "toy", config_dict=settings) == first
    other = run("LLM4MSR_STAR", "toy", config_dict={**settings, "seed": 7})
    assert other["test_result"] != first["test_result"]


def test_knowledge_none_equals_the_backbone(toy, tmp_path) -> None:
    bare = run("STAR", "toy", config_dict=toy_settings(tmp_path))
    none = run("LLM4MSR_STAR", "toy", config_dict=toy_settings(tmp_path, knowledge="none"))
    off = {"use_user_meta": False, "use_scenario_meta": False, "knowledge": "lsa"}
    switched_off = run("LLM4MSR_STAR", "toy", config_dict=toy_settings(tmp_path, **off))
    assert bare == none == switched_off


def test_checkpoint_with_other_knowledge_raises(toy, tmp_path) -> None:
    settings = toy_settings(tmp_path, knowledge="lsa")
    run("LLM4MSR_STAR", "toy", config_dict=settings)
    text = (toy / "toy.item").read_text()
    (toy / "toy.item").write_text(text.replace("red shoe", "red boot"))
    (checkpoint,) = (tmp_path / "saved").glob("*.pth")
    with pytest.raises((ValueError, RuntimeError), match="trained with other knowledge"):
        load_data_and_model(checkpoint)


def test_one_class_in_validation_does_not_stop_a_run(toy, tmp_path) -> None:
    lines = (toy / "toy.inter").read_text().splitlines()
    ones = [line for line in lines[1:] if line.split("\t")[3] == "1"][:40]
    for name, rows in {"train": lines[1:], "valid": ones, "test": lines[1:80]}.items():
        (toy / f"toy.{name}.inter").write_text("\n".join([lines[0], *rows]) + "\n")
    settings = toy_settings(tmp_path, benchmark_filename=["train", "valid", "test"])
    result = run("STAR", "toy", config_dict=settings)
    assert math.isnan(result["best_valid_result"]["auc@feed"])
    assert result["test_result"]["auc"] > 0


@pytest.mark.parametrize("metric", ["auc@mean", "LogLoss@feed", "AUC@Mail Box", "gauc"])
def test_every_metric_works_as_valid_metric(toy, tmp_path, metric: str) -> None:
    path = toy / "toy.inter"
    path.write_text(path.read_text().replace("\tmail\t", "\tMail Box\t"))
    result = run("STAR", "toy", config_dict=toy_settings(tmp_path, valid_metric=metric))
    key = metric.replace("AUC", "auc").replace("LogLoss", "logloss")
    assert result["best_valid_score"] == result["best_valid_result"][key]
    assert result["valid_score_bigger"] is not key.startswith("logloss")


def test_unknown_scenario_in_valid_metric_raises_before_training(toy, tmp_path) -> None:
    settings = toy_settings(tmp_path, valid_metric="auc@Feed")
    with pytest.raises(ValueError, match="no scenario 'Feed', only feed, mail, search, mean"):
        run("STAR", "toy", config_dict=settings)


def test_objective_function_is_recboles(toy, tmp_path) -> None:
    settings = toy_settings(tmp_path, model="STAR", dataset="toy")
    result = objective_function(settings, saved=False)
    assert set(result) == {
        "model", "best_valid_score", "valid_score_bigger", "best_valid_result", "test_result",
    }  # fmt: skip


def test_mixed_precision_trains(toy, tmp_path) -> None:
    result = run("STAR", "toy", config_dict=toy_settings(tmp_path, enable_amp=True))
    assert result["test_result"]["auc"] > 0


def test_command_trains_from_another_folder_and_prints_the_table(toy, tmp_path) -> None:
    done = command(
        "--model=STAR", "--dataset", "toy", f"--data_path={tmp_path}", "--epochs=1", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    for text in ("STAR on toy", "search: Search page", "mean", "all rows", "test", "epochs: 1;"):
        assert text in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model=STARR", "--dataset=toy"], "no model 'STARR'. Did you mean STAR"),
        (["--model=STAR", "--dataset=tou"], "no data set 'tou'"),
        (["--model=STAR", "--dataset=toy", "--epoch=1"], "epoch (command line): did you mean epoc"),
        (["--model=STAR", "--dataset=toy", "--SCENARIO_FIELD=domain"], "no field 'domain'"),
        (["--model=STAR"], "--dataset missing"),
        (["--model=STAR", "--dataset=toy", "--config_files=none.yaml"], "none.yaml: there is no"),
        (["--model=STAR", "--dataset=toy", "stray"], "'stray' is not an option"),
        (["--model=STAR", "--dataset=toy", "--result_json=toy"], "toy is a folder"),
        (
            [
                "--model=STAR",
                "--dataset=toy",
                "--eval_args={'split':{'RS':[0.8,0.2,0]}}",
                "--save_predictions=p",
            ],
            "no row to the test split",
        ),
    ],
)
def test_command_reports_an_error_in_one_line(
    toy, tmp_path, fork_server, arguments, message
) -> None:
    done = fork_server.run(RUN_MODULE, *arguments, f"--data_path={tmp_path}", output=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: ") or "error: unknown" in done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_traceback_option_shows_the_traceback(toy, tmp_path, fork_server) -> None:
    asked = ["--model=STAR", f"--data_path={tmp_path}", "--epochs=1", "--traceback"]
    failed = fork_server.run(RUN_MODULE, *asked, "--dataset=tou", output=tmp_path)
    assert "Traceback" in failed.stderr
    trained = fork_server.run(RUN_MODULE, *asked, "--dataset=toy", output=tmp_path)
    assert trained.returncode == 0, trained.stderr


def test_file_that_is_not_a_checkpoint_raises_with_its_name(tmp_path) -> None:
    (tmp_path / "x.pth").write_text("not one")
    with pytest.raises(CheckpointError, match=r"x\.pth: this is not a checkpoint"):
        load_data_and_model(tmp_path / "x.pth")


@pytest.mark.parametrize("spec", ["pca:3", "kmeans:4"])
@pytest.mark.parametrize("folds", [1, 2])
def test_knowledge_features_train_a_recbole_model(toy, tmp_path, spec, folds) -> None:
    settings = toy_settings(tmp_path, epochs=1, knowledge="lsa", knowledge_folds=folds)
    plain = run("DeepFM", "toy", config_dict=settings)
    with_features = run("DeepFM", "toy", config_dict={**settings, "knowledge_features": spec})
    assert with_features["test_result"] != plain["test_result"]
    _, checkpoint = sorted((tmp_path / "saved").glob("*.pth"), key=lambda p: p.stat().st_mtime)
    model = load_data_and_model(checkpoint)[1]
    names = [*model.token_field_names, *model.float_field_names]
    assert sum("knowledge" in name for name in names) == (3 if spec == "pca:3" else 1)


@pytest.mark.parametrize(("folds", "warned"), [(1, True), (2, False)])
def test_item_knowledge_without_folds_is_warned_of(toy, tmp_path, caplog, folds, warned) -> None:
    settings = toy_settings(tmp_path, epochs=1, knowledge="lsa", item_knowledge=True)
    result = run("LLM4MSR_STAR", "toy", config_dict={**settings, "knowledge_folds": folds})
    assert ("item_knowledge without cross-fitting" in caplog.text) is warned
    assert result["test_result"]["auc"] > 0


def test_a_wider_knowledge_size_than_the_data_has_is_warned_of(toy, tmp_path, caplog) -> None:
    def said() -> str:
        return " ".join(r.getMessage() for r in caplog.records if r.levelname == "WARNING")

    settings = toy_settings(tmp_path, epochs=1, knowledge="lsa")
    run("LLM4MSR_STAR", "toy", config_dict=settings)
    assert "knowledge_size" not in said()  # the default is an upper limit
    run("LLM4MSR_STAR", "toy", config_dict={**settings, "knowledge_size": 100_000})
    assert "knowledge_size: 100000 is more than the data has; the vectors are " in said()
    caplog.clear()
    run("LLM4MSR_STAR", "toy", config_dict={**settings, "knowledge_size": 4})
    assert "knowledge_size" not in said()


@pytest.mark.parametrize("spec", ["pca:3", "kmeans:4"])
def test_preparing_data_and_knowledge_does_not_change_the_configuration(
    toy, tmp_path, spec
) -> None:
    settings = toy_settings(tmp_path, knowledge="lsa", knowledge_features=spec)
    config = Config("DeepFM", "toy", None, settings)
    before = copy.deepcopy(config.final_config_dict)
    loaders = data_preparation(config, create_dataset(config))
    get_model("DeepFM")(config, loaders[0].dataset)
    assert config.final_config_dict == before
    assert all(loader.dataset.config is config for loader in loaders)
    assert loaders[0].dataset.knowledge is not None
    assert [loader.dataset.knowledge for loader in loaders[1:]] == [None, None]
