"""Every backbone's yaml and search space: complete, read, and buildable."""

from __future__ import annotations

import ast
import re

import pytest
import torch
import yaml

from recbole_llm4msr import get_model
from recbole_llm4msr.config import Config
from recbole_llm4msr.config.known_keys import properties_folder

from .cases import BACKBONES

LINE = re.compile(
    r"^(\w+): +(.+?) +# \((?:int|float|bool|str|list of (?:int|float|str)|int or str)\) [A-Z].*\.$"
)
FILES = [*BACKBONES, "LLM4MSR"]


def lines_of(name: str) -> list[str]:
    file = properties_folder() / "model" / f"{name}.yaml"
    lines = file.read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def space_of(name: str) -> dict[str, list]:
    """Choices of a search space, as RecBole reads them."""
    file = properties_folder() / "hyper" / f"{name}.hyper"
    space = {}
    for line in file.read_text().splitlines():
        key, kind, values = line.split(" ", 2)
        assert kind == "choice"
        space[key] = ast.literal_eval(values)
    return space


@pytest.mark.parametrize("name", FILES)
def test_every_option_says_its_type_and_meaning(name):
    for line in lines_of(name):
        assert LINE.match(line), line


def test_options_of_one_name_have_one_type():
    kinds: dict[str, set[str]] = {}
    for name in FILES:
        for line in lines_of(name):
            kinds.setdefault(line.split(":")[0], set()).add(line.split("(")[1].split(")")[0])
    assert {key: kind for key, kind in kinds.items() if len(kind) > 1} == {}


@pytest.mark.parametrize("name", BACKBONES)
def test_every_option_is_read(name, small, monkeypatch):
    read: set[str] = set()
    plain = Config.__getitem__

    def spy(self, key):
        read.add(key)
        return plain(self, key)

    monkeypatch.setattr(Config, "__getitem__", spy)
    small.build(name)
    assert set(yaml.safe_load("\n".join(lines_of(name)))) <= read


@pytest.mark.parametrize("name", FILES)
def test_every_point_of_the_search_space_builds(name, small):
    model = "LLM4MSR_STAR" if name == "LLM4MSR" else name
    space = space_of(name)
    options = {line.split(":")[0] for line in lines_of(name)}
    few = small.batch[:4]
    assert "learning_rate" in space
    assert set(space) - {"learning_rate"} <= options
    for key, values in space.items():
        for value in values:
            config = small.config(model, **{key: value})
            assert config[key] == (ast.literal_eval(value) if "[" in str(value) else value)
            if key in ("learning_rate", "dropout_prob", "meta_dropout_prob"):
                continue
            with torch.no_grad():
                assert torch.isfinite(get_model(model)(config, small.train)(few)).all()


@pytest.mark.parametrize("name", BACKBONES)
def test_dropout_is_applied(name, small):
    """An option that is read, and then does what it says."""
    model = small.build(name, dropout_prob=0.5).train()
    with torch.no_grad():
        assert not torch.equal(model(small.batch), model(small.batch))
        model.eval()
        assert torch.equal(model(small.batch), model(small.batch))
