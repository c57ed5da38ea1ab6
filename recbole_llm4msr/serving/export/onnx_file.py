"""Trace a graph with torch.export and write it in ONNX's format."""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from typing import Any

import torch

from recbole_llm4msr.serving.errors import ExportError
from recbole_llm4msr.serving.export.graph import USER_LAYER, ScoringGraph

#: Version of ONNX's operators that is written.
OPSET = 18


def to_onnx(graph: torch.nn.Module, what: str) -> Any:
    """Trace a graph; the number of rows stays open.

    Args:
        graph: A :class:`ScoringGraph`, or a module with the same properties.
        what: What is traced, for the error.

    Returns:
        The ``onnx_ir.Model``, with initialisers that have the names of the module's parameters.

    Raises:
        ExportError: It cannot be traced; the message holds torch's reason.
    """
    example = graph.example()
    rows = torch.export.Dim("rows", min=1)
    one_user = isinstance(graph, ScoringGraph) and graph.one_user
    shapes = tuple(
        {0: torch.export.Dim.STATIC if name == USER_LAYER and one_user else rows}
        for name in graph.input_names
    )
    try:
        with torch.no_grad(), _quiet():
            exported = torch.export.export(graph, example, dynamic_shapes=(shapes,), strict=False)
            _drop_squeezes_without_effect(exported)
            program = torch.onnx.export(
                exported,
                dynamo=True,
                input_names=graph.input_names,
                output_names=graph.output_names,
                opset_version=OPSET,
                verbose=False,
                external_data=False,
            )
    except Exception as error:
        cause = error.__cause__ or error
        reason = next((line for line in str(cause).splitlines() if line.strip()), repr(cause))
        raise ExportError(f"{what} cannot be exported: {reason.strip()[:300]}") from error
    _drop_notes(program.model)
    return program.model


def _drop_squeezes_without_effect(program: torch.export.ExportedProgram) -> None:
    """Remove ``squeeze(dim)`` of a dimension that is not 1: torch ignores it, ONNX refuses it."""
    for node in list(program.graph.nodes):
        if node.target is torch.ops.aten.squeeze.dim:
            source, dim = node.args
            size = source.meta["val"].shape[dim]
            if not (isinstance(size, int) and size == 1):
                node.replace_all_uses_with(source)
                program.graph.erase_node(node)
    program.graph_module.recompile()


def _drop_notes(model: Any) -> None:
    """Remove the exporter's notes, which hold paths of this machine and most of the bytes."""
    for node in model.graph:
        node.metadata_props.clear()
        node.doc_string = None
        for value in node.outputs:
            value.metadata_props.clear()
    for value in (*model.graph.inputs, *model.graph.initializers.values()):
        value.metadata_props.clear()
    model.graph.metadata_props.clear()
    model.metadata_props.clear()
    model.graph.doc_string = model.doc_string = None


@contextmanager
def _quiet():
    """Leave out the exporter's notes; its errors are exceptions."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
