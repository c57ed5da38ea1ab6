"""Embedding tables in the order of an artefact's ids, with a row for unknown ids.

An artefact's ids are the positions of the raw tokens in sorted order, so that a token is found by
binary search in a mapped file. Id 0 is padding, the last one stands for every unknown token.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from recbole.model.layers import FMEmbedding
from torch import nn

from recbole_llm4msr.model.rare_ids import SharedRows


def renumber(
    model: nn.Module, order: Mapping[str, np.ndarray], counts: Mapping[str, np.ndarray]
) -> None:
    """Put a model's embedding tables into another order of ids, in place.

    A token field gets one more row, for unknown ids: the row that rare ids share (``min_count``),
    else the mean of the rows, weighted by training rows. The row of padding, if no training row had
    a missing value, is an untrained one; it becomes the same mean.

    Args:
        model: A context-aware model.
        order: Of every token field the old id of each new one, starting with 0, the padding.
        counts: Of every token field the number of training rows of each old id.
    """
    for parent in list(model.modules()):
        for name, table in list(parent.named_children()):
            if isinstance(table, FMEmbedding):
                fields = _fields_of(parent, model)
                setattr(parent, name, _tables_of_tokens(table, fields, order, counts))
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
        rows, seen = row_of[start : start + size], counts[field]
        unknown = _shared_row(rows, seen)
        if unknown is None:
            unknown = len(weight) + len(means)
            means.append(_mean_row(weight, rows, seen))
        ordered = rows[order[field]]
        if not seen[0]:
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


def _shared_row(rows: np.ndarray, seen: np.ndarray) -> int | None:
    """The row that several ids share, if a training row had one of them."""
    distinct, of_id, times = np.unique(rows, return_inverse=True, return_counts=True)
    trained = np.bincount(of_id, weights=seen) > 0
    shared = distinct[(times > 1) & trained]
    return int(shared[0]) if len(shared) else None


def _mean_row(weight: torch.Tensor, rows: np.ndarray, seen: np.ndarray) -> torch.Tensor:
    """Mean of a field's rows, weighted by training rows, without the padding."""
    share = seen.astype(np.float64)
    share[0] = 0
    if not share.sum():
        return torch.zeros_like(weight[0])
    share = torch.from_numpy(share / share.sum()).to(weight.dtype)
    return share @ weight[torch.from_numpy(rows)]
