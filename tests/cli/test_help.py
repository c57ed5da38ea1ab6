"""Texts of ``--help``, ``--help-all`` and ``--model=NAME --help``."""

from __future__ import annotations

import re

import pytest
import yaml

from recbole_llm4msr.cli.main import main
from recbole_llm4msr.config.known_keys import RECBOLES_PROPERTIES, properties_folder
from recbole_llm4msr.config.names import backbones
from recbole_llm4msr.config.schema.knowledge import KNOWLEDGE
from recbole_llm4msr.config.schema.llm4msr import LLM4MSR
from recbole_llm4msr.config.schema.run import RUN


def printed(capsys, *arguments: str) -> str:
    """The help, of which no line is wider than a narrow terminal, on one line."""
    main(list(arguments))
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    return re.sub(r"\s+", " ", text)


def test_short_help_names_backbones_commands_and_further_help(capsys) -> None:
    text = printed(capsys, "--help")
    for name in (*backbones(), "convert", "serve", "--model=NAME --help", "--help-all"):
        assert name in text
    assert "meta_rank" not in text


def test_all_settings_are_those_of_the_yaml_files_of_all_models(capsys) -> None:
    text = printed(capsys, "--help-all")
    options = {**RUN, **KNOWLEDGE, **LLM4MSR}
    files = [properties_folder() / name for name in ("overall.yaml", "knowledge.yaml")]
    files += [properties_folder() / "model" / "LLM4MSR.yaml", RECBOLES_PROPERTIES / "overall.yaml"]
    for file in files:
        for key in yaml.safe_load(file.read_text("utf-8")):
            assert f" {key}: " in text, key
            if key in options:
                assert options[key].meaning in text, key
    assert "split: {RS: [0.8, 0.1, 0.1]}} (dict)" in text  # of several lines in RecBole's file


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_settings_of_one_model_have_the_defaults_that_win(capsys, option) -> None:
    text = printed(capsys, option, "--model", "LLM4MSR_STAR")
    assert "partitioned_norm: False (bool)" in text
    assert "dropout_prob: 0.0 (float)" in text and "dropout_prob: 0.2" not in text
    assert "learning_rate: 0.002 (float)" in text and "learning_rate: 0.001" not in text
    assert "knowledge: lsa (str)" in text and "shared_expert_num" not in text
    bare = printed(capsys, option, "--model=STAR")
    assert "dropout_prob: 0.2 (float)" in bare and "knowledge:" not in bare
    recboles = printed(capsys, "--model=DeepFM", option)
    assert "dropout_prob: 0.2 (float) The dropout rate." in recboles


def test_help_on_an_unknown_model_names_the_nearest() -> None:
    with pytest.raises(SystemExit, match="no model 'Starr'. Did you mean STAR"):
        main(["--model=Starr", "--help"])
