"""Every model in ONNX, run by onnxruntime: it scores as torch does."""

from __future__ import annotations

import numpy as np
import onnx_ir
import onnxruntime
import pytest
import torch

from recbole_llm4msr.serving.errors import ExportError
from recbole_llm4msr.serving.export.model_fields import REFUSED, model_fields
from recbole_llm4msr.serving.export.onnx_file import to_onnx

from .cases import EXPORTED


def run_onnx(graph, inputs) -> np.ndarray:
    model = onnx_ir.to_proto(to_onnx(graph, "model")).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = {entry.name for entry in session.get_inputs()}
    assert all(isinstance(entry.shape[0], str) for entry in session.get_inputs()), "rows are open"
    return session.run(None, {k: v.numpy() for k, v in inputs.items() if k in names})[0]


@pytest.mark.parametrize("name", EXPORTED)
def test_onnxruntime_scores_as_torch(name, prepare) -> None:
    prepared = prepare(name)
    graph = prepared.graph()
    rows = torch.arange(len(prepared.batch))
    inputs = prepared.inputs(graph, rows)
    inputs["item_id"] = torch.cat([inputs["item_id"], torch.tensor([-1])])
    inputs = {k: torch.cat([v, v[:1]]) if k != "item_id" else v for k, v in inputs.items()}
    score = run_onnx(graph, inputs)
    assert np.abs(score[:-1] - prepared.expected.numpy()).max() <= 1e-5
    with torch.no_grad():  # the last row has an unknown item
        expected = graph(*(inputs[name] for name in graph.input_names))[-1]
    assert abs(score[-1] - float(expected)) <= 1e-5


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
