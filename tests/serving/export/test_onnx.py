"""Every model in ONNX, run by onnxruntime: it scores as torch does."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir
import onnxruntime
import pytest
import torch

from recbole_llm4msr.serving.errors import ExportError
from recbole_llm4msr.serving.export.graph import ScoringGraph
from recbole_llm4msr.serving.export.model_fields import REFUSED, model_fields
from recbole_llm4msr.serving.export.onnx_file import to_onnx

from ..quick_exports import one_registry
from .cases import BACKBONES, PLAIN

#: One layer where the default has several: ``test_graph.py`` runs all of them, in torch.
ONE_LAYER = {
    "mlp_hidden_size": [8],
    "expert_hidden_size": [8],
    "cin_layer_size": [4, 4],
    "cross_layer_num": 1,
    "n_layers": 1,
    "order_list": [4],
}


class WithBackbone(torch.nn.Module):
    """The graph of a model with knowledge, and that of its backbone alone, of the same rows.

    Tracing the embedding of the rows once makes it two thirds of the time of two exports.
    """

    def __init__(self, graph: ScoringGraph) -> None:
        super().__init__()
        self.model = graph
        fields = list(graph.all_fields.values())
        self.bare = ScoringGraph(graph.model, fields, graph.scenario_field)
        self.input_names = graph.input_names
        self.output_names = [*graph.output_names, "backbone"]
        self.eval()

    def example(self) -> tuple[torch.Tensor, ...]:
        return self.model.example()

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        given = dict(zip(self.input_names, inputs, strict=True))
        backbone = self.model.model
        embed, kept = backbone.embed, []

        def embed_once(rows) -> torch.Tensor:
            kept.extend([] if kept else [embed(rows)])
            return kept[0]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(backbone, "embed", embed_once)
            return self.model(*inputs), self.bare(*(given[name] for name in self.bare.input_names))


@pytest.fixture(scope="module", autouse=True)
def _quick_exports():
    with one_registry():
        yield


def thin(data, name: str) -> dict[str, Any]:
    """Those of the options :data:`ONE_LAYER` that a model has."""
    config = data.config(name)
    return {key: value for key, value in ONE_LAYER.items() if config[key]}


def run_onnx(graph, inputs) -> list[np.ndarray]:
    model = onnx_ir.to_proto(to_onnx(graph, "model")).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = {entry.name for entry in session.get_inputs()}
    assert all(isinstance(entry.shape[0], str) for entry in session.get_inputs()), "rows are open"
    return session.run(None, {k: v.numpy() for k, v in inputs.items() if k in names})


def compare(prepared, graph, expected: list[torch.Tensor]) -> None:
    """Compare the outputs of a graph, for the rows of the batch and one with an unknown item."""
    rows = torch.arange(len(prepared.batch))
    inputs = prepared.inputs(prepared.graph(), rows)
    inputs["item_id"] = torch.cat([inputs["item_id"], torch.tensor([-1])])
    inputs = {k: torch.cat([v, v[:1]]) if k != "item_id" else v for k, v in inputs.items()}
    with torch.no_grad():
        in_torch = graph(*(inputs[name] for name in graph.input_names))
    in_torch = in_torch if isinstance(in_torch, tuple) else (in_torch,)
    for score, traced, want in zip(run_onnx(graph, inputs), in_torch, expected, strict=True):
        assert np.abs(score[:-1] - want.numpy()).max() <= 1e-5
        assert abs(score[-1] - float(traced[-1])) <= 1e-5


@pytest.mark.parametrize("name", BACKBONES)
def test_onnxruntime_scores_a_backbone_and_its_llm4msr_as_torch(
    name, prepare_ids, small_ids
) -> None:
    name = f"LLM4MSR_{name}"
    prepared = prepare_ids(name, **thin(small_ids, name))
    with torch.no_grad():
        backbone = prepared.model.backbone.predict(prepared.batch)
    assert np.abs(prepared.expected - backbone).max() > 1e-3
    compare(prepared, WithBackbone(prepared.graph()), [prepared.expected, backbone])


@pytest.mark.parametrize("name", PLAIN)
def test_onnxruntime_scores_an_adapted_model_as_torch(name, prepare_ids, small_ids) -> None:
    name = f"LLM4MSR_{name}"
    prepared = prepare_ids(name, **thin(small_ids, name))
    compare(prepared, prepared.graph(), [prepared.expected])


@pytest.mark.parametrize("name", [*PLAIN, "STAR", "LLM4MSR_STAR", "LLM4MSR_DeepFM"])
def test_onnxruntime_scores_a_model_of_every_kind_of_field_as_torch(
    name, prepare_kinds, small_kinds
) -> None:
    prepared = prepare_kinds(name, **thin(small_kinds, name))
    assert {field.kind for field in prepared.source.fields} == {"token", "token_seq", "float"}
    compare(prepared, prepared.graph(), [prepared.expected])


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_that_cannot_be_exported_is_refused_with_the_reason(name, small) -> None:
    class Model(torch.nn.Module):
        token_field_names = ("user_id",)

    model = type(name, (Model,), {})()
    with pytest.raises(ExportError, match=REFUSED[name][:20]):
        model_fields(model, small.train)


def test_a_graph_that_depends_on_the_values_of_a_batch_is_refused() -> None:
    class Counting(torch.nn.Module):
        input_names, output_names = ("x",), ("y",)

        def example(self):
            return (torch.ones(3, dtype=torch.int64),)

        def forward(self, *inputs):
            return torch.zeros(int(inputs[0].sum()))[: inputs[0].max().item()] * 2

    with pytest.raises(ExportError, match="Counting cannot be exported: "):
        to_onnx(Counting(), "Counting")
