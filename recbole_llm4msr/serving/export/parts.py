"""The files of an artefact, each made from the trained model and its training split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir
import torch
from recbole.data.dataset import Dataset
from safetensors.numpy import save_file
from torch import nn

from recbole_llm4msr.model import LLM4MSR
from recbole_llm4msr.model.rare_ids import count_rows, set_unknown_rows
from recbole_llm4msr.serving import artefact
from recbole_llm4msr.serving.arrays import MappedArrays
from recbole_llm4msr.serving.export.graph import ScoringGraph
from recbole_llm4msr.serving.export.model_fields import (
    model_fields,
    side_features,
    sorted_order,
    sorted_tokens,
)
from recbole_llm4msr.serving.export.onnx_file import to_onnx
from recbole_llm4msr.serving.export.tables import renumber
from recbole_llm4msr.serving.export.user_layers import (
    GeneratorGraph,
    Precision,
    generate_layers,
    in_precision,
)
from recbole_llm4msr.serving.fields import Field
from recbole_llm4msr.serving.vocabulary import Vocabulary

#: Up to so many scenarios have graphs of their own, which leave out the layers of the others.
OWN_GRAPHS = 8

#: Weights of this size and more are kept once for all graphs, outside of them.
_SHARED_BYTES = 1 << 16

ReportStep = Callable[[str], None]


@dataclass
class Source:
    """A trained model in the order of the artefact's ids.

    Attributes:
        model: The model; its tables are renumbered when this is made.
        train: The training split.
        fields: The fields that the model reads.
        order: Old id of each new one, of every token field.
    """

    model: nn.Module
    train: Dataset
    fields: list[Field]
    order: dict[str, np.ndarray]

    @classmethod
    def of(cls, model: nn.Module, train: Dataset) -> Source:
        """Renumber a model, in place.

        Raises:
            ExportError: The model cannot be exported.
        """
        fields = model_fields(model, train)
        keys = [train.uid_field, train.iid_field]
        names = [field.name for field in fields if field.kind != "float"]
        order = {name: sorted_order(train, name) for name in dict.fromkeys([*names, *keys])}
        tokens = [field for field in fields if field.kind == "token"]
        counts = {field.name: count_rows(train, field.name, field.n_ids) for field in tokens}
        reader = model.backbone if isinstance(model, LLM4MSR) else model
        set_unknown_rows(model, train.config)
        renumber(reader, keys, order, counts)
        if isinstance(model, LLM4MSR) and model.knowledge is not None:
            items = model.knowledge.item
            if items is not None:  # an item that is not known has the mean, zero
                ordered = items[torch.from_numpy(order[train.iid_field])]
                model.knowledge.item = torch.cat([ordered, torch.zeros_like(items[:1])])
        return cls(model.eval(), train, fields, order)

    @property
    def has_user_layers(self) -> bool:
        """Whether the model generates layers for its users."""
        return isinstance(self.model, LLM4MSR) and bool(
            self.model.user_meta is not None or self.model.item_meta is not None
        )


def write_vocabularies(source: Source, folder: Path) -> dict[str, str]:
    """Write the raw tokens of every token field; return the file of each."""
    (folder / artefact.VOCABULARY).mkdir()
    files = {}
    for number, (name, order) in enumerate(source.order.items()):
        files[name] = artefact.vocabulary_file(number)
        Vocabulary(sorted_tokens(source.train, name, order)).write(folder / files[name])
    return files


def write_features(source: Source, folder: Path) -> None:
    """Write the fields of users and items that the model reads."""
    own_ids = {"user": source.train.uid_field, "item": source.train.iid_field}
    columns = side_features(source.train, source.fields, source.order, own_ids)
    save_file(columns, folder / artefact.FEATURES)


def write_history(source: Source, folder: Path) -> None:
    """Write the items of every user's training rows, by new ids."""
    train = source.train
    ids = []
    for name in (train.uid_field, train.iid_field):
        new_id = np.empty(len(source.order[name]), np.int64)
        new_id[source.order[name]] = np.arange(len(new_id))
        ids.append(new_id[train.inter_feat[name].numpy()])
    pairs = np.unique(np.stack(ids, axis=1), axis=0)
    starts = np.searchsorted(pairs[:, 0], np.arange(len(source.order[train.uid_field]) + 1))
    columns = {"starts": starts.astype(np.int64), "items": pairs[:, 1].astype(np.int32)}
    save_file(columns, folder / artefact.HISTORY)


def write_user_layers(source: Source, folder: Path, precision: Precision) -> dict[str, Any]:
    """Write the layers of all users; return what the manifest says of them."""
    layers, row_of = generate_layers(source.model, source.order[source.train.uid_field])
    columns = {**in_precision(layers, precision), "row_of": row_of}
    save_file(columns, folder / artefact.USER_LAYERS)
    return {"precision": precision, "distinct": len(layers), "width": layers.shape[1]}


def write_knowledge(source: Source, folder: Path) -> None:
    """Write the vectors by new id, in half precision where that is what the model reads."""
    table, order = source.model.knowledge, source.order[source.train.uid_field]
    vectors = {"user": table.user[torch.from_numpy(order)], "scenario": table.scenario}
    if table.item is not None:
        vectors["item"] = table.item
    columns = {}
    for name, vector in vectors.items():
        exact = vector.numpy()
        half = exact.astype(np.float16)
        columns[name] = half if np.array_equal(half, exact) else exact
    save_file({k: np.ascontiguousarray(v) for k, v in columns.items()}, folder / artefact.KNOWLEDGE)


def write_graphs(source: Source, folder: Path, report: ReportStep) -> dict[str, Any]:
    """Write weights and graphs; return the names of the graphs."""
    weights = {name: value.detach() for name, value in source.model.state_dict().items()
               if isinstance(value, torch.Tensor)}  # fmt: skip
    first = _graph(source, None, False)
    if first.rows is not None and first.rows.item_meta is not None:
        weights["item_codes"] = first.rows.item_codes
    arrays = {name: np.ascontiguousarray(value.numpy()) for name, value in weights.items()}
    save_file(arrays, folder / artefact.WEIGHTS)
    writer = _GraphWriter(folder, weights)
    report("graph of all scenarios")
    graphs: dict[str, Any] = {"all": {"rows": writer.write(first, "scorer.onnx")}}
    n_scenarios = getattr(source.train, "scenario_num", 0)
    own = range(n_scenarios) if 1 <= n_scenarios <= OWN_GRAPHS else ()
    graphs["by_scenario"] = []
    for scenario in own:
        report(f"graphs of scenario {scenario + 1} of {n_scenarios}")
        graph = _graph(source, scenario, False)
        files = {"rows": writer.write(graph, f"scenario-{scenario + 1}.onnx")}
        if source.has_user_layers:
            graph = _graph(source, scenario, True)
            files["one_user"] = writer.write(graph, f"scenario-{scenario + 1}-one-user.onnx")
        graphs["by_scenario"].append(files)
    if source.has_user_layers:
        if not own:
            report("graph of one user")
            graph = _graph(source, None, True)
            graphs["all"]["one_user"] = writer.write(graph, "scorer-one-user.onnx")
        report("user generator")
        graphs["generator"] = writer.write(GeneratorGraph(source.model), "user-generator.onnx")
    return graphs


def _graph(source: Source, scenario: int | None, one_user: bool) -> ScoringGraph:
    field = getattr(source.train, "scenario_field", None)
    return ScoringGraph(source.model, source.fields, field, scenario, one_user)


class _GraphWriter:
    """Writes graphs whose large weights are those of the weights' file, which is mapped once."""

    def __init__(self, folder: Path, weights: dict[str, torch.Tensor]) -> None:
        self._folder = folder
        self._file = MappedArrays(folder / artefact.WEIGHTS)
        self._name_of = {(v.data_ptr(), v.shape): name for name, v in weights.items()}

    def write(self, graph: nn.Module, file: str) -> str:
        model = to_onnx(graph, type(graph).__name__)
        tensors = graph.state_dict(keep_vars=True)
        for name, value in model.graph.initializers.items():
            tensor = tensors.get(name)
            known = "item_codes" if name == "rows.item_codes" else None
            if known is None and tensor is not None:
                known = self._name_of.get((tensor.data_ptr(), tensor.shape))
            if known is None or value.const_value.nbytes < _SHARED_BYTES:
                continue
            offset, length = self._file.place(known)
            value.const_value = onnx_ir.ExternalTensor(
                artefact.WEIGHTS,
                offset,
                length,
                value.const_value.dtype,
                shape=value.const_value.shape,
                name=name,
                base_dir=self._folder,
            )
        onnx_ir.save(model, self._folder / file)
        return file
