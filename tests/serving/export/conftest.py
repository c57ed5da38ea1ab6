"""Models on a small data set, renumbered as for an artefact."""

from __future__ import annotations

import copy
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
def prepare(small):
    """Build a model by name, with options; ``items``: whether there is item knowledge."""

    def build(name: str, items: bool = False, **options: Any) -> Prepared:
        small.train.knowledge = fake_knowledge(small.train)
        if items:
            vectors = torch.randn(small.train.item_num, 7, generator=torch.manual_seed(2))
            small.train.knowledge = SimpleNamespace(
                **{**vars(small.train.knowledge), "item": vectors}
            )
        model = perturb(small.build(name, **options), size=0.1).eval()
        with torch.no_grad():
            expected = model.predict(small.batch).reshape(-1)
        twin = copy.deepcopy(model)
        if isinstance(model, LLM4MSR) and model.knowledge is not None:
            twin.knowledge._buffers = dict(model.knowledge._buffers)
        return Prepared(model, parts.Source.of(twin, small.train), small.batch, expected)

    return build
