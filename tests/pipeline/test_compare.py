"""``compare``: several models on the same rows, in one table."""

from __future__ import annotations

import gc
import json
import logging
import os
import subprocess
import sys
import weakref

import pytest

from recbole_llm4msr import register_backbone, run
from recbole_llm4msr.config import properties_folder
from recbole_llm4msr.model import registry
from recbole_llm4msr.model.backbone.star import STAR
from recbole_llm4msr.pipeline import comparison, experiment
from recbole_llm4msr.util.staging import staging_path
from tests.fresh_process import RUN_MODULE
from tests.toy import toy_settings

LLM4MSR_ONLY = {"knowledge": "lsa", "knowledge_size": 8, "meta_rank": 4}


def compared(result) -> dict[str, dict]:
    return {row["model"]: row for row in result["comparison"]}


@pytest.mark.parametrize("shared", [{}, {"learning_rate": 0.01, "seed": 7}])
def test_numbers_are_those_of_separate_runs(toy, tmp_path, shared) -> None:
    settings = toy_settings(tmp_path, **LLM4MSR_ONLY, **shared)
    together = run("LLM4MSR_STAR", "toy", config_dict={**settings, "compare": True})
    rows = compared(together)
    assert list(rows) == ["LLM4MSR_STAR", "STAR", "DeepFM"]
    for name, row in rows.items():
        alone = run(name, "toy", config_dict=settings)["test_result"]
        assert {key: row[key] for key in ("auc", "logloss", "gauc")} == {
            key: alone[key] for key in ("auc", "logloss", "gauc")
        }
    chosen, *others = rows.values()
    assert chosen["difference"] is chosen["interval"] is None
    for row in others:
        assert row["difference"] == row["auc"] - chosen["auc"]
        low, high = row["interval"]
        assert low < row["difference"] < high


def test_json_table_and_checkpoints(toy, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    settings = toy_settings(
        tmp_path, epochs=1, compare=True, result_json=str(tmp_path / "r.json"),
        save_predictions=str(tmp_path / "p.parquet"), knowledge="none",
    )  # fmt: skip
    result = run("LLM4MSR_SharedBottom", "toy", config_dict=settings)
    written = json.loads((tmp_path / "r.json").read_text())
    assert written["comparison"] == result["comparison"]
    assert written["model"] == "LLM4MSR_SharedBottom"
    assert (tmp_path / "p.parquet").is_file()
    printed = capsys.readouterr().out
    table = printed[printed.index("LLM4MSR_SharedBottom compared on toy") :]
    assert max(map(len, table.splitlines())) <= 80
    for row in result["comparison"]:
        assert f"│ {row['model']} " in table
        assert f"{row['auc']:.4f}" in table
    saved = sorted(path.name.partition("-")[0] for path in (tmp_path / "saved").glob("*.pth"))
    assert saved == ["DeepFM", "LLM4MSR_SharedBottom", "SharedBottom"]


def test_a_model_of_recbole_is_compared_with_backbones_of_a_file(toy, tmp_path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("compare: [STAR, LLM4MSR_STAR]\nknowledge: none\n")
    result = run("DeepFM", "toy", [str(file)], toy_settings(tmp_path, epochs=1))
    assert list(compared(result)) == ["DeepFM", "STAR", "LLM4MSR_STAR"]


def test_a_weighted_loss_is_left_out_for_models_of_recbole(toy, tmp_path, caplog) -> None:
    settings = toy_settings(tmp_path, epochs=1, scenario_loss_weight="balanced", compare="DeepFM")
    result = run("STAR", "toy", config_dict=settings)
    plain = run("DeepFM", "toy", config_dict=toy_settings(tmp_path, epochs=1))
    assert compared(result)["DeepFM"]["auc"] == plain["test_result"]["auc"]
    assert "DeepFM: scenario_loss_weight has no effect" in caplog.text


def test_warnings_name_the_model(toy, tmp_path, caplog, capsys) -> None:
    settings = toy_settings(tmp_path, epochs=1, **LLM4MSR_ONLY, compare="STAR", learning_rate=1e-9)
    result = run("LLM4MSR_STAR", "toy", config_dict=settings)
    said = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert any(text.startswith("STAR: without effect: knowledge_size: 8") for text in said)
    (chance,) = compared(result)["STAR"]["warnings"]
    assert f"STAR: {chance}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        ("STAR", {"compare": "STARR"}, r"^compare: there is no model 'STARR'. Did you mean STAR"),
        ("STAR", {"compare": ["BPR"]}, "^compare: BPR: .*needs a context-aware model"),
        ("STAR", {"compare": True, "metrics": ["LogLoss"], "valid_metric": "LogLoss"}, "no AUC to"),
        ("BPR", {"compare": "STAR"}, "BPR has no AUC to compare"),
        ("STAR", {"compare": True, "eval_args": {"split": {"RS": [0.8, 0.2, 0]}}}, "no row to the"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_training(
    toy, tmp_path, monkeypatch, model, changes, message
) -> None:
    monkeypatch.setattr(experiment, "train_and_test", lambda *_: pytest.fail("trained"))
    with pytest.raises(ValueError, match=message):
        run(model, "toy", config_dict=toy_settings(tmp_path, **changes))


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--compare=STARR", "compare: there is no model 'STARR'. Did you mean STAR"),
        ("--nproc=2", "compare: models are compared in one process"),
    ],
)
def test_the_command_refuses_in_one_line(toy, tmp_path, fork_server, option, message) -> None:
    asked = ["--model=MMoE", "--dataset=toy", f"--data_path={tmp_path}", "--use_gpu=False"]
    asked += [option] if "compare" in option else ["--compare", option]
    done = fork_server.run(RUN_MODULE, *asked, output=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"error: {message}")


def test_the_command_compares_without_names(toy, tmp_path, fork_server) -> None:
    asked = ["--model=MMoE", "--dataset=toy", f"--data_path={tmp_path}", "--use_gpu=False"]
    done = fork_server.run(RUN_MODULE, *asked, "--compare", "--epochs=1", output=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "MMoE compared on toy" in done.stdout
    assert "│ DeepFM " in done.stdout


def test_a_model_is_released_before_the_next_is_built(toy, tmp_path, monkeypatch) -> None:
    build, models = experiment.build_model, []

    def watched(*args):
        assert [model() for model in models] == [None] * len(models)
        model = build(*args)
        models.append(weakref.ref(model))
        return model

    monkeypatch.setattr(experiment, "build_model", watched)
    settings = toy_settings(tmp_path, epochs=1, compare=["FM", "LR"])
    gc.disable()  # else a collection by chance could release them
    try:
        run("STAR", "toy", config_dict=settings)
    finally:
        gc.enable()
    assert len(models) == 3


def test_a_model_that_fails_leaves_the_results_of_the_others(
    toy, tmp_path, monkeypatch, capsys
) -> None:
    train = experiment.train_and_test

    def failing(config, *args, **options):
        if config.model == "FM":
            raise RuntimeError("out of memory")
        return train(config, *args, **options)

    monkeypatch.setattr(experiment, "train_and_test", failing)
    settings = toy_settings(
        tmp_path, epochs=1, compare=["FM", "LR"], result_json=str(tmp_path / "r.json")
    )
    with pytest.raises(ValueError, match="^compare: FM could not be trained: out of memory"):
        run("STAR", "toy", config_dict=settings)
    written = json.loads((tmp_path / "r.json").read_text())["comparison"]
    assert [row["model"] for row in written] == ["STAR", "LR"]
    assert "│ LR " in capsys.readouterr().out


def test_options_of_a_backbone_of_another_package_do_not_stop_the_others(
    toy, tmp_path, monkeypatch
) -> None:
    class Foreign(STAR):
        config_file = tmp_path / "Foreign.yaml"

    module = "recbole.model.context_aware_recommender.foreign"  # where RecBole will find it
    monkeypatch.setitem(sys.modules, module, None)
    del sys.modules[module]
    monkeypatch.setattr(registry, "_models", dict(registry._models))
    options = (properties_folder() / "model" / "STAR.yaml").read_text()
    Foreign.config_file.write_text(f"{options}mine: 3  # (int) Of this model only.\n")
    register_backbone(Foreign)
    settings = toy_settings(tmp_path, epochs=1, mine=4, compare="DeepFM")
    assert list(compared(run("Foreign", "toy", config_dict=settings))) == ["Foreign", "DeepFM"]


def test_the_folder_of_a_killed_comparison_is_removed_by_the_next(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(comparison, "gettempdir", lambda: str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    killed = staging_path(tmp_path / comparison._FOLDER)
    killed = killed.with_name(killed.name.replace(f"-{os.getpid()}-", f"-{ended.pid}-"))
    running = staging_path(tmp_path / comparison._FOLDER)
    others = tmp_path / "notes"
    for folder in (killed, running, others):
        folder.mkdir()
        (folder / "STAR.parquet").write_text("scores")
    with comparison._temporary_folder() as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        assert set(tmp_path.iterdir()) == {folder, running, others}
    assert set(tmp_path.iterdir()) == {running, others}
