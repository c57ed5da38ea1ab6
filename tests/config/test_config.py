from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import recbole
import yaml

from recbole_llm4msr import Config, get_model
from recbole_llm4msr.config import ConfigError, known_keys, properties_folder
from recbole_llm4msr.config.known_keys import unknown_keys
from tests.toy import toy_settings


@pytest.fixture
def command_line(monkeypatch: pytest.MonkeyPatch):
    def set_to(*arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", ["run_recbole.py", *arguments])

    return set_to


def test_precedence_rises_from_overall_to_the_command_line(toy, tmp_path, command_line) -> None:
    def batch_size() -> int:
        return Config("STAR", "toy", files, settings)["train_batch_size"]

    settings = {"data_path": str(tmp_path)}
    files: list[str] = []
    command_line()
    assert batch_size() == 4096  # overall.yaml, stronger than RecBole's 2048
    own = toy / "toy.yaml"
    own.write_text(own.read_text() + "train_batch_size: 11\n")
    assert batch_size() == 11
    (tmp_path / "a.yaml").write_text("train_batch_size: 12\n")
    files.append(str(tmp_path / "a.yaml"))
    assert batch_size() == 12
    settings["train_batch_size"] = 13
    assert batch_size() == 13
    command_line("--train_batch_size", "14")
    assert batch_size() == 14


def test_llm4msr_reads_the_backbones_file_and_then_its_own() -> None:
    config = Config("LLM4MSR_STAR", "ml-100k")
    star, own = (
        yaml.safe_load((properties_folder() / f"model/{name}.yaml").read_text())
        for name in ("STAR", "LLM4MSR")
    )
    both = {**star, **own}
    assert {key: config[key] for key in both} == both
    assert star["dropout_prob"] != own["dropout_prob"]
    assert config["use_user_meta"] is True
    assert config.uses_knowledge
    assert not Config("LLM4MSR_STAR", "ml-100k", None, {
        "use_user_meta": False, "use_scenario_meta": False,
    }).uses_knowledge  # fmt: skip


def test_recbole_model_gets_the_same_data_and_metrics() -> None:
    ours, theirs = Config("STAR", "ml-100k"), Config("DeepFM", "ml-100k")
    for key in ("metrics", "eval_args", "load_col", "SCENARIO_FIELD", "train_batch_size"):
        assert ours[key] == theirs[key]
    assert theirs["mlp_hidden_size"] == [128, 128, 128]  # its own defaults stay


def test_a_model_for_ranking_is_left_to_recbole() -> None:
    config = Config("BPR", "ml-100k")
    assert config["metrics"] == ["Recall", "MRR", "NDCG", "Hit", "Precision"]
    assert not config.multi_scenario


@pytest.mark.parametrize("how", ["file", "dict", "command line", "own yaml"])
def test_unknown_keys_are_refused_with_place_and_nearest(how, toy, tmp_path, command_line) -> None:
    settings, files = {"data_path": str(tmp_path)}, []
    command_line()
    place = {"dict": "config_dict", "command line": "command line"}.get(how, r"\.yaml")
    if how == "file":
        (tmp_path / "mine.yaml").write_text("learning_rat: 0.1\n")
        files = [str(tmp_path / "mine.yaml")]
    elif how == "dict":
        settings["learning_rat"] = 0.1
    elif how == "command line":
        command_line("--learning_rat=0.1")
    else:
        (toy / "toy.yaml").write_text("learning_rat: 0.1\n")
    with pytest.raises(
        ConfigError, match=rf"learning_rat \(.*{place}\): did you mean learning_rate"
    ):
        Config("STAR", "toy", files, settings)
    Config("STAR", "toy", files, {**settings, "allow_unknown_keys": True})


def test_options_of_another_program_are_ignored(monkeypatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/bin/pytest", "-q", "--real-data=x", "--seed=5"])
    assert Config("STAR", "ml-100k")["seed"] == 5


def test_every_key_that_recbole_reads_is_known() -> None:
    sources = Path(recbole.__file__).parent.rglob("*.py")
    read = set()
    for source in sources:
        text = source.read_text(encoding="utf-8")
        read |= set(re.findall(r"config\[\s*[\"']([A-Za-z_]\w*)[\"']\s*\]", text))
        read |= set(re.findall(r"final_config_dict\.get\([\"'](\w+)[\"']", text))
    made_inside = {
        "CROP_ITEM_SEQ", "CROP_ITEM_SEQ_LEN", "INVERSE_ITEM_SEQ", "MASK_INDEX", "MASK_ITEM_SEQ",
        "MODEL_INPUT_TYPE", "MODEL_TYPE", "NEG_ITEMS", "POS_ITEMS", "REORDER_ITEM_SEQ", "device",
        "eval_type", "single_spec", "test_neg_sample_args", "valid_neg_sample_args",
    }  # fmt: skip
    assert len(read) > 200
    assert not set(unknown_keys(read - made_inside, known_keys()))


def test_partial_eval_args_keep_labelled_mode_with_a_message(toy, tmp_path, caplog) -> None:
    settings = toy_settings(tmp_path, eval_args={"split": {"RS": [0.6, 0.2, 0.2]}})
    config = Config("STAR", "toy", None, settings)
    assert config["eval_args"]["mode"] == {"valid": "labeled", "test": "labeled"}
    assert config["eval_args"]["split"] == {"RS": [0.6, 0.2, 0.2]}
    assert config["eval_args"]["group_by"] is None
    assert "mode" in caplog.text


def test_gauc_goes_with_value_metrics_and_can_stop_training() -> None:
    config = Config("STAR", "ml-100k", None, {"metrics": "GAUC", "valid_metric": "gauc@mean"})
    assert config["metrics"] == ["GAUC"]
    assert config["valid_metric_bigger"] is True
    config = Config("STAR", "ml-100k", None, {"valid_metric": "logloss@mean"})
    assert config["valid_metric_bigger"] is False


RANKED = {"metrics": ["Recall"], "valid_metric": "Recall@10"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"metrics": ["AUX"]}, "no metric 'aux'; did you mean auc"),
        ({"valid_metric": "RMSE"}, "not among the metrics"),
        ({"SCENARIO_FIELD": None}, "needs scenarios"),
        ({"data_path": None}, "data_path: None is not a folder"),
        ({**RANKED, "eval_args": {"mode": "full"}}, "mode full .* no scenario; rank against sampl"),
        ({"metrics": ["AUC", "Recall"]}, "both of rankings and of rows"),
        (RANKED, "rank items, and mode labeled has rows with labels"),
        ({**RANKED, "eval_args": {"mode": "uni9"}, "valid_metric": "Recall@mean"}, "as AUC"),
        ({"eval_args": {"split": {"RS": [0.8, 0.2]}}}, "three shares"),
        ({"eval_args": {"split": {"TS": [0.8, 0.9]}}}, "TS: .* three shares"),
        ({"valid_metric": "auc@"}, "not the name of one metric"),
        ({"valid_metric": ["AUC"]}, "not the name of one metric"),
        ({"eval_args": {"order": "TT"}}, "neither RO .* nor TO"),
        ({"eval_args": {"split": [0.8, 0.1, 0.1]}}, "split: .* is none of"),
        ({"eval_args": {"split": {"RR": [1]}}}, "split: .* is none of"),
        ({"eval_args": {"group_by": "item"}}, "group_by: 'item' is neither user nor none"),
        ({"eval_args": {"mode": "full"}}, "eval_args, metrics: Full sort evaluation"),
        ({"epochs": "ten"}, r"epochs \(config_dict\): 'ten' is not a whole number"),
        ({"learning_rate": "1/100"}, "learning_rate .* is not a number"),
        ({"mlp_hidden_size": 128}, "mlp_hidden_size .* 128 is not a list of whole numbers"),
        ({"threshold": 4}, "threshold .* is not a mapping"),
        ({"torch_compile": "maybe"}, "torch_compile .* is not True or False"),
        ({"min_count": [5]}, "min_count .* is not a whole number or a mapping"),
    ],
)
def test_contradicting_settings_raise(settings, message) -> None:
    with pytest.raises(ConfigError, match=message):
        Config("STAR", "ml-100k", None, settings)


@pytest.mark.parametrize(
    ("model", "settings", "kept"),
    [
        ("STAR", {}, True),
        ("DeepFM", {}, True),
        ("STAR", {**RANKED, "eval_args": {"mode": "uni9"}}, False),
        ("STAR", {"eval_args": {"mode": "uni9"}}, False),  # every pass would draw other rows
        ("DeepFM", {"SCENARIO_FIELD": None}, False),
        ("BPR", {}, False),
    ],
)
def test_predictions_that_cannot_be_saved_are_skipped_with_a_warning(
    model, settings, kept, caplog
) -> None:
    config = Config(model, "ml-100k", None, {**settings, "save_predictions": "p.parquet"})
    assert (config["save_predictions"] == "p.parquet") is kept
    assert ("save_predictions is left out" in caplog.text) is not kept


def test_valid_metric_of_a_scenario_requires_scenarios() -> None:
    settings = {"SCENARIO_FIELD": None, "valid_metric": "auc@mean"}
    with pytest.raises(ConfigError, match="valid_metric: auc@mean needs a model with scenarios"):
        Config("DeepFM", "ml-100k", None, settings)
    assert Config("BPR", "ml-100k")["valid_metric"] == "MRR@10"


def test_a_subclass_starts_from_the_options_of_its_parent() -> None:
    class Mine(get_model("MMoE")):
        pass

    assert Config(Mine, "ml-100k")["expert_num"] == Config("MMoE", "ml-100k")["expert_num"]


@pytest.mark.parametrize(
    ("name", "near"), [("LLM4MSR_STARR", "LLM4MSR_STAR"), ("deepfm", "DeepFM"), ("star", "STAR")]
)
def test_unknown_model_names_the_nearest(name: str, near: str) -> None:
    with pytest.raises(ValueError, match=f"no model '{name}'. Did you mean .*{near}"):
        Config(name, "ml-100k")


def test_configuration_file_that_is_missing_or_broken_is_named(tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: there is no such"):
        Config("STAR", "ml-100k", ["none.yaml"])
    (tmp_path / "b.yaml").write_text("a: [1\n")
    with pytest.raises(ConfigError, match=r"b\.yaml: not valid yaml"):
        Config("STAR", "ml-100k", [str(tmp_path / "b.yaml")])


def test_a_file_cannot_name_a_python_object(tmp_path) -> None:
    (tmp_path / "b.yaml").write_text("learning_rate: 1e-2\nmlp_hidden_size: !!python/tuple [8]\n")
    with pytest.raises(ConfigError, match=r"b\.yaml: not valid yaml: .*(?s:.)*python/tuple"):
        Config("STAR", "ml-100k", [str(tmp_path / "b.yaml")])
    (tmp_path / "b.yaml").write_text("learning_rate: 1e-2\nweight_decay: 1.e-3\n")
    config = Config("STAR", "ml-100k", [str(tmp_path / "b.yaml")])
    assert (config["learning_rate"], config["weight_decay"]) == (0.01, 0.001)


def test_the_callers_dict_is_not_changed() -> None:
    settings = {"learning_rate": "0.01"}
    assert Config("STAR", "ml-100k", None, settings)["learning_rate"] == 0.01
    assert settings == {"learning_rate": "0.01"}


def test_ml_100k_is_read_from_data_path_where_that_has_it(tmp_path, caplog, command_line) -> None:
    command_line()
    config = Config("STAR", "ml-100k")
    assert "dataset_example" in config["data_path"]
    assert caplog.text == ""
    config = Config("STAR", "ml-100k", None, {"data_path": str(tmp_path)})
    assert "dataset_example" in config["data_path"]
    assert (
        f"data_path: there is no {tmp_path}/ml-100k/ml-100k.inter; ml-100k is read from RecBole's "
        "own copy" in caplog.text
    )
    (tmp_path / "ml-100k").mkdir()
    (tmp_path / "ml-100k" / "ml-100k.inter").write_text("")
    caplog.clear()
    config = Config("STAR", "ml-100k", None, {"data_path": str(tmp_path)})
    assert config["data_path"] == str(tmp_path / "ml-100k")
    assert caplog.text == ""


def test_passed_command_line_replaces_sys_argv(command_line) -> None:
    command_line("--epochs=3", "--seed=7")
    assert Config("STAR", "ml-100k")["epochs"] == 3
    config = Config("STAR", "ml-100k", None, {"epochs": 4}, command_line=["--epochs", "5"])
    assert (config["epochs"], config["seed"]) == (5, 2020)
    assert config.place_of("epochs") == "command line"
    assert Config("STAR", "ml-100k", None, {"epochs": 4}, command_line=[])["epochs"] == 4
    with pytest.raises(ConfigError, match="'stray' is not an option"):
        Config("STAR", "ml-100k", command_line=["stray"])
