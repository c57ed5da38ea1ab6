"""The schema agrees with the yaml files: keys, types, defaults, meanings."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from recbole_llm4msr.config.known_keys import properties_folder
from recbole_llm4msr.config.schema import SCHEMA
from recbole_llm4msr.config.schema.backbones import BACKBONES
from recbole_llm4msr.config.schema.knowledge import KNOWLEDGE
from recbole_llm4msr.config.schema.llm4msr import LLM4MSR
from recbole_llm4msr.config.schema.run import RUN
from recbole_llm4msr.config.value_types import options_of
from recbole_llm4msr.knowledge.options import CHOICES, KnowledgeOptions

COMMENT = re.compile(r"^(\w+):.*?# \(([^)]*)\) (.*)$", re.MULTILINE)
#: Options by yaml file below ``properties``.
SCHEMA_BY_FILE = {"overall.yaml": RUN, "knowledge.yaml": KNOWLEDGE, "model/LLM4MSR.yaml": LLM4MSR}
#: Keys of other files for which a file has a default of its own.
OTHER_DEFAULTS = {"model/LLM4MSR.yaml": ("dropout_prob", "learning_rate")}
MODEL_FILES = sorted((properties_folder() / "model").glob("*.yaml"))


def comments(file: Path) -> dict[str, tuple[str, str]]:
    return {key: (types, text) for key, types, text in COMMENT.findall(file.read_text("utf-8"))}


@pytest.mark.parametrize("name", SCHEMA_BY_FILE)
def test_every_key_of_a_file_is_in_the_schema_with_a_default_of_its_type(name: str) -> None:
    file = properties_folder() / name
    defaults, options = yaml.safe_load(file.read_text("utf-8")), SCHEMA_BY_FILE[name]
    assert [key for key in defaults if key not in OTHER_DEFAULTS.get(name, ())] == list(options)
    for key, option in options.items():
        assert option.accepts(defaults[key]), key
        assert not option.choices or defaults[key] in option.choices, key
        assert comments(file)[key] == (option.types, option.meaning), key


@pytest.mark.parametrize("file", MODEL_FILES, ids=lambda file: file.stem)
def test_every_key_of_a_model_is_in_the_schema_with_a_default_of_its_type(file: Path) -> None:
    for key, default in yaml.safe_load(file.read_text("utf-8")).items():
        assert SCHEMA[key].accepts(default), key
        assert comments(file)[key][0] == SCHEMA[key].types, key


def test_schema_keys_are_unique_and_occur_in_files() -> None:
    parts = [*SCHEMA_BY_FILE.values(), BACKBONES]
    assert len(SCHEMA) == sum(map(len, parts))
    written = {key for file in MODEL_FILES for key in yaml.safe_load(file.read_text("utf-8"))}
    assert set(BACKBONES) == written - set(SCHEMA_BY_FILE["model/LLM4MSR.yaml"]) - {"learning_rate"}


def test_the_choices_of_knowledge_are_those_that_are_checked() -> None:
    options = SCHEMA_BY_FILE["knowledge.yaml"]
    assert {key: option.choices for key, option in options.items() if option.choices} == CHOICES
    assert set(options) == {field.name for field in fields(KnowledgeOptions)}


def test_options_of_other_packages_have_their_types_in_comments(tmp_path) -> None:
    (tmp_path / "Mine.yaml").write_text("width: 3  # (int) Width.\nname: x  # (str) Name.\n")
    assert options_of([tmp_path / "Mine.yaml"])["width"].types == "int"
    assert "name" not in options_of([tmp_path / "Mine.yaml"])  # a text may be anything
