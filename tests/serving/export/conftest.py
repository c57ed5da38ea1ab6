"""Models on a small data set, renumbered as for an artefact."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from recbole_llm4msr.model import LLM4MSR
from recbole_llm4msr.model.llm4msr.traced import UserGenerator
from recbole_llm4msr.serving.export import parts
from recbole_llm4msr.serving.export.graph import USER_LAYER, ScoringGraph
from tests.model.small import SmallData, fake_knowledge, perturb, write_dataset


@pytest.fixture(scope="session")
def small(tmp_path_factory) -> SmallData:
    """Three scenarios, with token, float and token_seq features."""
    folder = tmp_path_factory.mktemp("small")
    write_dataset(folder, "three", 3)
    return SmallData.load(folder, "three")


@pytest.fixture(scope="session")
def small_ids(tmp_path_factory) -> SmallData:
    """Two scenarios and no features: models of few operations."""
    folder = tmp_path_factory.mktemp("ids")
    write_dataset(folder, "ids", 2, only_ids=True)
    return SmallData.load(folder, "ids", only_ids=True)


@pytest.fixture(scope="session")
def small_kinds(tmp_path_factory) -> SmallData:
    """Two scenarios, and one feature of each kind."""
    folder = tmp_path_factory.mktemp("kinds")
    write_dataset(folder, "kinds", 2)
    columns = {
        "inter": ["user_id", "item_id", "scenario", "label"],
        "item": ["item_id", "genre", "price"],
    }
    return SmallData.load(folder, "kinds", load_col=columns, numerical_features=["price"])


@dataclass
class Prepared:
    """A model, what it predicts, and the same rows for its graph."""

    model: torch.nn.Module
    source: parts.Source
    batch: Any
    expected: torch.Tensor

    def graph(self, scenario: int | None = None, one_user: bool = False) -> ScoringGraph:
        return parts._graph(self.source, scenario, one_user)

    def inputs(self, graph: ScoringGraph, rows: torch.Tensor) -> dict[str, torch.Tensor]:
        """The inputs of a graph for some rows of the batch."""
        columns = {}
        for field in graph.fields:
            values = self.batch[field.name][rows]
            if field.kind == "float":
                columns[field.name] = values[:, 0] if values.dim() == 2 else values
                continue
            order = torch.from_numpy(self.source.order[field.name])
            columns[field.name] = torch.argsort(order)[values]
        if graph.layout:
            knowledge = self.model.knowledge.user[self.batch["user_id"][rows]]
            with torch.no_grad():
                layers = UserGenerator(self.model)(knowledge)
            columns[USER_LAYER] = layers[:1] if graph.one_user else layers
        return columns


@pytest.fixture(scope="session")
def prepare(small) -> Callable[..., Prepared]:
    """Build a model by name, with options; ``items``: whether there is item knowledge."""
    return lambda name, **options: _prepared(small, name, **options)


@pytest.fixture(scope="session")
def prepare_ids(small_ids) -> Callable[..., Prepared]:
    """Build a model that reads ids only, with options."""
    return lambda name, **options: _prepared(small_ids, name, **options)


@pytest.fixture(scope="session")
def prepare_kinds(small_kinds) -> Callable[..., Prepared]:
    """Build a model that reads one feature of each kind, with options."""
    return lambda name, **options: _prepared(small_kinds, name, **options)


def _prepared(data: SmallData, name: str, items: bool = False, **options: Any) -> Prepared:
    data.train.knowledge = fake_knowledge(data.train)
    if items:
        vectors = torch.randn(data.train.item_num, 7, generator=torch.manual_seed(2))
        data.train.knowledge = SimpleNamespace(**{**vars(data.train.knowledge), "item": vectors})
    model = perturb(data.build(name, **options), size=0.1).eval()
    with torch.no_grad():
        expected = model.predict(data.batch).reshape(-1)
    twin = copy.deepcopy(model)
    if isinstance(model, LLM4MSR) and model.knowledge is not None:
        twin.knowledge._buffers = dict(model.knowledge._buffers)
    return Prepared(model, parts.Source.of(twin, data.train), data.batch, expected)
