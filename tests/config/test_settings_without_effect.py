"""Every setting of a user takes effect, raises, or logs a warning."""

from __future__ import annotations

import re
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from recbole_llm4msr import Config
from recbole_llm4msr.config import ConfigError, properties_folder
from recbole_llm4msr.config.settings_without_effect import NEEDS
from recbole_llm4msr.evaluation.benchmark import read_study
from recbole_llm4msr.knowledge import KnowledgeOptions

STUDIES = sorted(Path(__file__).parents[2].glob("benchmarks/studies/*.yaml"))


@pytest.fixture
def read(monkeypatch, tmp_path, toy):
    """Return a function that reads a configuration from a command line, files and a dict."""

    def config(*options: str, model="LLM4MSR_STAR", own="", file="", given=None) -> Config:
        files = [str(tmp_path / "file.yaml")]
        Path(files[0]).write_text(file)
        (toy / "toy.yaml").write_text(own)
        monkeypatch.setattr(sys, "argv", ["run_recbole.py", *(f"--{o}" for o in options)])
        return Config(model, "toy", files, {"data_path": str(tmp_path), **(given or {})})

    return config


def warnings_of(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def test_the_table_has_every_option_of_knowledge_and_of_the_levels() -> None:
    levels = yaml.safe_load((properties_folder() / "model/LLM4MSR.yaml").read_text())
    # The switches themselves, and what whatever level is on trains with.
    switches = {"use_user_meta", "use_scenario_meta", "use_item_meta"}
    switches |= {"meta_dropout_prob", "meta_weight_decay", "dropout_prob", "learning_rate"}
    assert set(NEEDS) == {f.name for f in fields(KnowledgeOptions)} | set(levels) - switches
    named = {key for needs in NEEDS.values() for need in needs for key in need}
    assert named <= set(NEEDS) | switches


# -- llm and knowledge ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("places", "kind"),
    [
        ({"options": ["llm=X"]}, "transformers"),
        ({"options": ["llm=X", "endpoint_url=http://u"]}, "endpoint"),
        ({"options": ["llm=X", "knowledge=endpoint", "endpoint_url=http://u"]}, "endpoint"),
        ({"given": {"llm": "X"}}, "transformers"),
        ({"file": "llm: X"}, "transformers"),
        ({"own": "llm: X"}, "transformers"),
        ({"options": ["llm=X"], "file": "endpoint_url: http://u"}, "endpoint"),
        # A stronger place decides again; a kind with a language model stays.
        ({"options": ["llm=X"], "file": "knowledge: lsa"}, "transformers"),
        ({"options": ["llm=X"], "own": "{knowledge: endpoint, endpoint_url: u}"}, "endpoint"),
        ({"options": ["llm=X"], "own": "{knowledge: transformers, llm: Y}"}, "transformers"),
        ({"options": ["knowledge=lsa"], "file": "{knowledge: transformers, llm: X}"}, "lsa"),
        ({"options": ["knowledge=lsa"], "given": {"llm": "X"}}, "lsa"),
        ({"given": {"knowledge": "none"}, "file": "llm: X"}, "none"),
        ({"options": ["llm=None"]}, "lsa"),
    ],
)
def test_llm_selects_the_knowledge_kind_unless_set_with_equal_precedence(
    places, kind, read, caplog
):
    places = dict(places)
    config = read(*places.pop("options", []), **places)
    assert KnowledgeOptions.from_config(config).knowledge == config["knowledge"] == kind
    assert warnings_of(caplog) == []


@pytest.mark.parametrize("where", ["command line", "config_dict", "file.yaml", "toy.yaml"])
def test_llm_beside_a_kind_without_a_language_model_is_refused(where, read) -> None:
    places = {
        "command line": {"options": ["llm=X", "knowledge=lsa"]},
        "config_dict": {"given": {"llm": "X", "knowledge": "lsa"}},
        "file.yaml": {"file": "{llm: X, knowledge: lsa}"},
        "toy.yaml": {"own": "{llm: X, knowledge: lsa}"},
    }[where]
    with pytest.raises(
        ConfigError,
        match=rf"llm: X \(.*{where}\) has no effect: it needs knowledge: transformers or endpoint, "
        rf"and knowledge is lsa \(.*{where}\)\. Set knowledge to transformers, or leave llm out",
    ):
        read(*places.pop("options", []), **places)


def test_users_knowledge_overrides_a_shipped_llm(caplog) -> None:
    config = Config("LLM4MSR_STAR", "amazon-2018", None, {"knowledge": "lsa"})
    assert (config["knowledge"], config["llm"]) == ("lsa", "Qwen/Qwen3-0.6B")
    assert warnings_of(caplog) == []
    config = Config("LLM4MSR_STAR", "amazon-2018", None, {"llm": "Z", "endpoint_url": "http://u"})
    assert config["knowledge"] == "endpoint"


# -- everything else -----------------------------------------------------------------------------

WITHOUT_EFFECT = [
    (["knowledge_mode=generate"], "needs knowledge: transformers, and knowledge is lsa"),
    (["knowledge_layer=3"], "Set knowledge to transformers, or leave knowledge_layer out"),
    (["knowledge_pooling=mean"], "needs knowledge: transformers"),
    (["knowledge_device=cpu"], "needs knowledge: transformers"),
    (["knowledge_batch_tokens=9"], "needs knowledge: transformers"),
    (["knowledge_compile=True"], "needs knowledge: transformers"),
    (["endpoint_url=http://u"], "needs knowledge: endpoint, and knowledge is lsa"),
    (
        ["endpoint_retries=1", "knowledge=lsa"],
        r"needs knowledge: endpoint, .* lsa \(command line\)",
    ),
    (["prompt_max_tokens=3"], "needs knowledge: transformers or endpoint"),
    (["generate_max_tokens=3"], "needs knowledge: transformers"),
    (["llm=X", "generate_max_tokens=3"], "needs knowledge_mode: generate, .*_mode is prefill"),
    (["llm=X", "knowledge_mode=generate", "knowledge_layer=3"], "needs knowledge_mode: prefill"),
    (["llm=X", "endpoint_url=http://u", "knowledge_layer=3"], "and knowledge is endpoint"),
    (["item_knowledge=True", "use_item_meta=False"], "needs use_item_meta: True, and .* False"),
]


@pytest.mark.parametrize(("options", "message"), WITHOUT_EFFECT)
def test_setting_without_effect_raises(options, message, read) -> None:
    with pytest.raises(ConfigError, match=message):
        read(*options)
    given = yaml.safe_load("\n".join(option.replace("=", ": ", 1) for option in options))
    with pytest.raises(ConfigError, match=message.replace("command line", "config_dict")):
        read(given=given)


def test_error_lists_all_settings_without_effect(read) -> None:
    with pytest.raises(ConfigError, match=r"(?s)prompt_max_tokens: 3 .*\nknowledge_mode: generate"):
        read("prompt_max_tokens=3", "knowledge_mode=generate")


@pytest.mark.parametrize("place", ["own", "file"])
def test_file_setting_without_effect_logs_a_warning(place, read, caplog) -> None:
    read(**{place: "{prompt_max_tokens: 128, knowledge_layer: 2}"})
    assert [line.split(":")[0] for line in warnings_of(caplog)] == [
        "prompt_max_tokens",
        "knowledge_layer",
    ]


def test_overridden_setting_is_ignored(read, caplog) -> None:
    shared = "{knowledge: transformers, llm: X, knowledge_mode: generate, generate_max_tokens: 5}"
    read("knowledge=lsa", file=shared)
    read("knowledge_mode=prefill", file=shared)
    assert warnings_of(caplog) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["knowledge=random", "knowledge_folds=5"], "knowledge_folds: 5 .*is random"),
        (["knowledge=random", "llm=X"], "llm: X .*is random"),
        (["knowledge=random", "prompt_history=2"], "prompt_history: 2"),
        (["use_user_meta=False", "meta_rank=3"], "meta_rank: 3 .* use_user_meta: True"),
        (["use_user_meta=False", "knowledge_folds=2"], "or knowledge_features, and use_user_meta"),
        (["use_scenario_meta=False", "scenario_meta_layers=2"], "scenario_meta_layers: 2"),
        (["item_meta_rank=8"], "item_meta_rank: 8 .* needs item_knowledge: True"),
    ],
)
def test_settings_of_controls_and_ablations_log_a_warning(options, message, read, caplog) -> None:
    read(*options)
    (line,) = warnings_of(caplog)
    assert re.search(message, line)


@pytest.mark.parametrize(
    ("model", "options", "line"),
    [
        (
            "STAR",
            ["knowledge=transformers", "llm=/nowhere", "knowledge_folds=5"],
            "without effect: knowledge: transformers, knowledge_folds: 5, llm: /nowhere; "
            "STAR reads no knowledge (LLM4MSR_STAR does)",
        ),
        (
            "STAR",
            ["llm=/nowhere"],
            "without effect: knowledge: transformers, llm: /nowhere; "
            "STAR reads no knowledge (LLM4MSR_STAR does)",
        ),
        ("BPR", ["llm=X", "knowledge=lsa"], "without effect: llm: X; BPR reads no knowledge"),
        (
            "LLM4MSR_STAR",
            ["knowledge=none", "knowledge_folds=5", "item_knowledge=True"],
            "without effect: knowledge_folds: 5, item_knowledge: True; knowledge is none",
        ),
        (
            "LLM4MSR_STAR",
            ["use_user_meta=False", "use_scenario_meta=False", "knowledge_folds=5"],
            "without effect: knowledge_folds: 5; LLM4MSR_STAR reads no knowledge with its levels "
            "switched off",
        ),
    ],
)
def test_a_run_without_knowledge_warns_once(model, options, line, read, caplog) -> None:
    read(*options, model=model)
    (found,) = warnings_of(caplog)
    said, why = found.removeprefix("without effect: ").rsplit("; ", 1)
    wanted, reason = line.removeprefix("without effect: ").rsplit("; ", 1)
    assert (set(said.split(", ")), why) == (set(wanted.split(", ")), reason)
    caplog.clear()
    settings = yaml.safe_load("\n".join(option.replace("=", ": ", 1) for option in options))
    read(model=model, file=yaml.safe_dump(settings))
    read(model=model, own=yaml.safe_dump(settings))
    assert warnings_of(caplog) == []


def test_defaults_and_effective_settings_are_accepted(read, caplog) -> None:
    read("knowledge=lsa", "knowledge_folds=1", model="STAR")
    read("knowledge=none", model="STAR")
    read("knowledge=lsa", "knowledge_mode=prefill", "knowledge_layer=-1", "item_knowledge=False")
    read("llm=X", "knowledge_mode=generate", "generate_max_tokens=9", "prompt_max_tokens=99")
    read("knowledge=lsa", "knowledge_folds=2", "prompt_form=full", "item_knowledge=True")
    read("knowledge=random", "item_knowledge=True", "interaction_threshold=2")
    read("knowledge_features=pca:2", "llm=X", "knowledge_folds=2", model="DeepFM")
    assert warnings_of(caplog) == []


def test_empty_file_changes_no_setting(read) -> None:
    assert read(file="# nothing yet")["knowledge"] == read()["knowledge"] == "lsa"


def test_items_are_not_encoded_for_plain_features(read) -> None:
    with pytest.raises(ConfigError, match=r"DeepFM has no use_item_meta\. Leave item_knowledge"):
        read("item_knowledge=True", "knowledge_features=pca:2", model="DeepFM")


@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.stem)
def test_every_run_of_a_shipped_study_is_accepted(file, read) -> None:
    study = read_study(file)
    for entry in study.entries:
        settings = {**study.settings, **entry.settings}
        read(*(f"{key}={value}" for key, value in settings.items()), model=entry.model)
