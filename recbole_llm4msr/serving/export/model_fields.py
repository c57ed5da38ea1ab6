"""The fields that a model reads, with all that is needed to make its inputs of raw values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from recbole.data.dataset import Dataset
from recbole.utils import FeatureSource, FeatureType
from torch import nn

from recbole_llm4msr.knowledge.vectors.features import CLUSTER, numerical_fields
from recbole_llm4msr.model import LLM4MSR
from recbole_llm4msr.serving.errors import ExportError
from recbole_llm4msr.serving.fields import Field, Source

_SIDES: dict[FeatureSource, Source] = {
    FeatureSource.USER: "user",
    FeatureSource.USER_ID: "user",
    FeatureSource.ITEM: "item",
    FeatureSource.ITEM_ID: "item",
}


#: Context-aware models of RecBole that cannot be exported, and why.
REFUSED = {
    "FFM": "it has a table for each pair of fields, in which no row stands for unknown ids",
    "KD_DAGFM": "it is trained in three phases, and its teacher is a part of it",
}


def model_fields(model: nn.Module, train: Dataset) -> list[Field]:
    """The fields of a context-aware model, the scenario's field last where it reads it apart.

    Args:
        model: The trained model.
        train: The training split, whose ranges normalised fields have.

    Raises:
        ExportError: The model reads a field that cannot be exported; the message says why.
    """
    reader = model.backbone if isinstance(model, LLM4MSR) else model
    if not hasattr(reader, "token_field_names"):
        raise ExportError(
            f"{type(model).__name__} cannot be exported: only context-aware models can, which "
            "score a row by its fields"
        )
    if type(reader).__name__ in REFUSED:
        name = type(reader).__name__
        raise ExportError(f"{name} cannot be exported: {REFUSED[name]}")
    if reader.float_seq_field_names:
        raise ExportError(
            f"the field {reader.float_seq_field_names[0]!r} of type float_seq cannot be exported"
        )
    names = [*reader.token_seq_field_names, *reader.token_field_names, *reader.float_field_names]
    scenario = getattr(train, "scenario_field", None)
    if scenario is not None and scenario not in names:
        names.append(scenario)
    return [_field(train, name) for name in names]


def _field(train: Dataset, name: str) -> Field:
    kind = train.field2type[name]
    source = _SIDES.get(train.field2source[name], "interaction")
    if source == "interaction" and name in _knowledge_fields(train):
        raise ExportError(
            f"knowledge_features with knowledge_folds: the field {name!r} belongs to the training "
            "rows, as each sees the knowledge of its fold, so that new rows have none; train with "
            "knowledge_folds: 1 to export it"
        )
    if kind == FeatureType.FLOAT:
        if (train.config["discretization"] or {}).get(name):
            raise ExportError(f"discretization: the field {name!r} cannot be exported")
        low, high = normalised_range(train, name) or (None, None)
        # Features of users and items are stored as the model reads them.
        return Field(name, "float", source, low=low, high=high)
    length = train.field2seqlen[name] if kind == FeatureType.TOKEN_SEQ else 1
    separator = train.config["seq_separator"]
    return Field(name, kind.value, source, train.num(name), length, separator=separator)


def _knowledge_fields(train: Dataset) -> list[str]:
    """Names that the fields of ``knowledge_features`` may have."""
    spec = train.config["knowledge_features"]
    return [*numerical_fields(spec), CLUSTER] if spec else []


def normalised_range(dataset: Dataset, name: str) -> tuple[float, float] | None:
    """Smallest and largest training value of a normalised field of the interactions."""
    rules = getattr(dataset, "number_rules", None)
    limits = rules.ranges.get(f"inter_feat.{name}") if rules is not None else None
    return None if limits is None else (limits[0], limits[1])


def sorted_order(train: Dataset, name: str) -> np.ndarray:
    """Old id of each new id of a token field: the padding, then the raw tokens in sorted order."""
    tokens = pl.Series(train.field2id_token[name][1:].astype(str).tolist(), dtype=pl.String)
    return np.concatenate([[0], tokens.arg_sort().to_numpy().astype(np.int64) + 1])


def sorted_tokens(train: Dataset, name: str, order: np.ndarray) -> pl.Series:
    """Raw tokens in the order of the new ids."""
    return pl.Series(name, train.field2id_token[name][order[1:]].astype(str), dtype=pl.String)


def side_features(
    train: Dataset, fields: Sequence[Field], order: dict[str, np.ndarray], own_ids: dict[str, str]
) -> dict[str, np.ndarray]:
    """Values of the fields of users and items by new id, the last row for an unknown one.

    An unknown user or item has unknown tokens, no tokens in sequences, and the mean of a float.

    Args:
        train: The training split.
        fields: The model's fields.
        order: Old id of each new id, by field.
        own_ids: Names of the fields of user and item, by side.
    """
    columns = {}
    for field in fields:
        if field.source == "interaction" or field.name == own_ids[field.source]:
            continue
        side = train.user_feat if field.source == "user" else train.item_feat
        values = side[field.name].numpy()[order[own_ids[field.source]]]
        if field.kind == "float":
            numbers = values if values.ndim == 1 else values[:, 0]
            numbers = numbers.astype(np.float32)
            columns[field.name] = np.append(numbers, numbers[1:].mean(dtype=np.float64))
            columns[field.name] = columns[field.name].astype(np.float32)
            continue
        new_id = np.empty(field.n_ids, np.int32)
        new_id[order[field.name]] = np.arange(field.n_ids)
        ids = new_id[values]
        blank = np.full((1, *ids.shape[1:]), field.n_ids if field.kind == "token" else 0, np.int32)
        columns[field.name] = np.concatenate([ids, blank])
    return columns
