"""Embedding tables in the order of an artefact's ids, with a row for unknown ids.

An artefact's ids are the positions of the raw tokens in sorted order, so that a token is found by
binary search in a mapped file. Id 0 is padding, the last one stands for every unknown token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from recbole.model.layers import FMEmbedding
from torch import nn

from recbole_llm4msr.model.rare_ids import SharedRows


def renumber(
    model: nn.Module,
    keys: Sequence[str],
    order: Mapping[str, np.ndarray],
    counts: Mapping[str, np.ndarray],
) -> None:
    """Put a model's embedding tables into another order of ids, in place.

    A token field gets one more row, for unknown ids. That of users and items is the row of their
    padding, as :func:`~recbole_llm4msr.model.rare_ids.set_unknown_rows` leaves it; that of another
    field the mean of its rows. The padding of such a field, if no training row had a missing value,
    has an untrained row, which becomes the same mean.

    Args:
        model: A context-aware model.
        keys: Names of the fields of users and items.
        order: Of every token field the old id of each new one, starting with 0, the padding.
        counts: Of every token field the number of training rows of each old id.
    """
    for parent in list(model.modules()):
        for name, table in list(parent.named_children()):
            if isinstance(table, FMEmbedding):
                fields = _fields_of(parent, model)
                setattr(parent, name, _tables_of_tokens(table, fields, keys, order, counts))
        sequences = getattr(parent, "token_seq_embedding_table", None)
        if isinstance(sequences, nn.ModuleList):
            for field, table in zip(parent.token_seq_field_names, sequences, strict=True):
                with torch.no_grad():
                    table.weight.copy_(table.weight[torch.from_numpy(order[field])])


def _fields_of(parent: nn.Module, model: nn.Module) -> list[str]:
    for module in (parent, getattr(model, "backbone", model)):
        if hasattr(module, "token_field_names"):
            return module.token_field_names
    raise ValueError(f"{type(parent).__name__} has a table of fields that are not known")


@torch.no_grad()
def _tables_of_tokens(
    table: FMEmbedding,
    fields: list[str],
    keys: Sequence[str],
    order: Mapping[str, np.ndarray],
    counts: Mapping[str, np.ndarray],
) -> FMEmbedding:
    """The tables of all token fields, one behind the other, in the new order."""
    sizes = [len(order[field]) for field in fields]
    starts = np.cumsum([0, *sizes])[:-1]
    if isinstance(table, SharedRows):
        row_of = table.row_of.numpy().astype(np.int64)
    else:
        row_of = np.arange(sum(sizes))
    weight = table.embedding.weight
    new_rows, means = [], []
    for field, start, size in zip(fields, starts, sizes, strict=True):
        rows = row_of[start : start + size]
        ordered = rows[order[field]]
        if field in keys:
            unknown = rows[0]
        else:
            unknown = len(weight) + len(means)
            means.append(weight[torch.from_numpy(np.unique(rows[1:]))].mean(dim=0))
            if not counts[field][0]:
                ordered[0] = unknown
        new_rows.append(np.append(ordered, unknown))
    every = np.concatenate(new_rows)
    extended = torch.cat([weight, *[mean.unsqueeze(0) for mean in means]])
    new = FMEmbedding.__new__(SharedRows if isinstance(table, SharedRows) else FMEmbedding)
    nn.Module.__init__(new)
    new.offsets = starts + np.arange(len(sizes))  # one more row in each field before
    if isinstance(table, SharedRows):
        new.register_buffer("row_of", torch.from_numpy(every.astype(np.int32)))
    else:
        extended = extended[torch.from_numpy(every)]
    new.embedding = nn.Embedding.from_pretrained(extended)
    return new
