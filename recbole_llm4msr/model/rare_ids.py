"""Let rare ids share one embedding row a field (``min_count``), which saves memory."""

from __future__ import annotations

import numpy as np
import torch
from recbole.data.dataset import Dataset
from recbole.model.abstract_recommender import ContextRecommender
from recbole.model.layers import FMEmbedding
from recbole.utils import FeatureSource
from torch import nn

#: Rows of a field's padding id and of its rare ids, before the rows of the other ids.
_PADDING, _SHARED = 0, 1


class SharedRows(FMEmbedding):
    """RecBole's embedding table of all token fields, in which several ids can have the same row.

    The ids of the data do not change, only the row looked up for them. The row of every id is saved
    in a checkpoint.

    Args:
        table: The table with a row per id; its rows are the initial values.
        row_of: Row of every id, offsets included, shape ``(n_ids,)``.
        n_rows: Number of rows, less than that of ids.
    """

    def __init__(self, table: FMEmbedding, row_of: np.ndarray, n_rows: int) -> None:
        nn.Module.__init__(self)  # the parent would make a table of full size
        self.offsets = table.offsets
        self.register_buffer("row_of", torch.from_numpy(row_of.astype(np.int32)))
        first = np.zeros(n_rows, np.int64)  # a shared row may have no id
        first[row_of[::-1]] = np.arange(len(row_of))[::-1]
        old = table.embedding
        self.embedding = nn.Embedding(n_rows, old.embedding_dim, sparse=old.sparse)
        with torch.no_grad():
            self.embedding.weight.copy_(old.weight[torch.from_numpy(first)])

    def forward(self, input_x: torch.Tensor) -> torch.Tensor:
        """``(B, F) -> (B, F, D)``."""
        ids = input_x + input_x.new_tensor(self.offsets).unsqueeze(0)
        return self.embedding(self.row_of[ids].long())


def share_rare_rows(model: ContextRecommender, config, dataset: Dataset) -> None:
    """Let ids that occur in fewer than ``min_count`` training rows share the row of their field.

    Ids without a training row are included. Without ``min_count`` the model is not changed.

    Args:
        model: A model with RecBole's embedding; its tables are replaced.
        config: Configuration; ``min_count`` is a number for user and item ids, or numbers by field.
        dataset: The training split.

    Raises:
        ValueError: ``min_count`` names a field that is not a token field of the model, or is not a
            count.
    """
    limits = _limits(config, model.token_field_names)
    if not limits:
        return
    rows, n_rows = [], 0
    for field, n_ids in zip(model.token_field_names, model.token_field_dims, strict=True):
        row_of = np.arange(n_ids)
        if field in limits:
            is_frequent = count_rows(dataset, field, n_ids)[1:] >= limits[field]
            row_of = np.r_[
                _PADDING, np.where(is_frequent, _SHARED + np.cumsum(is_frequent), _SHARED)
            ]
        rows.append(n_rows + row_of)
        n_rows += int(row_of.max()) + 1
    mapped = np.concatenate(rows)
    for parent in list(model.modules()):
        for name, table in list(parent.named_children()):
            if type(table) is FMEmbedding and table.embedding.num_embeddings == len(mapped):
                setattr(parent, name, SharedRows(table, mapped, n_rows))


def fit_shared_rows(model: nn.Module, state: dict[str, torch.Tensor]) -> None:
    """Give shared tables the number of rows that a checkpoint has, before it is loaded.

    Which ids are rare depends on the training rows, and those at hand may be others.
    """
    for name, table in model.named_modules():
        weight = state.get(f"{name}.embedding.weight")
        if isinstance(table, SharedRows) and weight is not None:
            old = table.embedding
            if old.num_embeddings != len(weight):
                table.embedding = nn.Embedding(
                    *weight.shape, sparse=old.sparse, device=old.weight.device
                )


@torch.no_grad()
def set_unknown_rows(model: nn.Module, config) -> set[str]:
    """Give the padding id of users and items a row for users and items that are not known.

    No training row has it, so its own row is as it was drawn. With ``min_count`` it looks up the
    row of the field's rare ids, else its row becomes the mean of the field's rows. Other fields can
    be empty, so that their padding row is trained; they are left alone.

    Args:
        model: A model that is not trained any further; one without RecBole's embedding of fields
            is left as it is.
        config: Configuration.

    Returns:
        The fields, of users and items, whose padding id has such a row in every table of the model.
    """
    done: set[str] = set()
    owner = getattr(model, "backbone", model)
    names = getattr(owner, "token_field_names", [])
    for table in [module for module in model.modules() if isinstance(module, FMEmbedding)]:
        shared = isinstance(table, SharedRows)
        n_ids = len(table.row_of) if shared else table.embedding.num_embeddings
        if n_ids != sum(owner.token_field_dims):
            continue
        for field, start, n in zip(names, table.offsets, owner.token_field_dims, strict=True):
            if field not in (config["USER_ID_FIELD"], config["ITEM_ID_FIELD"]):
                continue
            ids = slice(int(start), int(start) + n)
            rows = table.row_of[ids].tolist() if shared else range(ids.start, ids.stop)
            if shared and field in _limits(config, names) and rows[0] + _SHARED in rows:
                table.row_of[ids.start] = rows[0] + _SHARED
            else:
                weight = table.embedding.weight
                weight[rows[0]] = weight[min(rows[1:]) : max(rows[1:]) + 1].mean(dim=0)
            done.add(field)
    return done if not _other_tables(model, owner) else set()


def _other_tables(model: nn.Module, owner: nn.Module) -> bool:
    """Whether there are tables of all ids beside RecBole's embedding of fields, as FFM has."""
    known = {id(m.embedding) for m in model.modules() if isinstance(m, FMEmbedding)}
    n_ids = sum(getattr(owner, "token_field_dims", []))
    return any(
        isinstance(module, nn.Embedding)
        and id(module) not in known
        and module.num_embeddings == n_ids
        for module in model.modules()
    )


def _limits(config, fields: list[str]) -> dict[str, int]:
    given = config["min_count"]
    if given is None:
        return {}
    if not isinstance(given, dict):
        given = {config[key]: given for key in ("USER_ID_FIELD", "ITEM_ID_FIELD")}
    for field, limit in given.items():
        if field not in fields:
            raise ValueError(
                f"min_count: {field!r} is not a token field of the model; it has "
                f"{', '.join(fields)}"
            )
        if not isinstance(limit, int) or limit < 1:
            raise ValueError(f"min_count: {limit!r} for {field} is not a number of rows")
    return given


def count_rows(dataset: Dataset, field: str, n_ids: int) -> np.ndarray:
    """Number of training rows of every id of a field, shape ``(n_ids,)``."""
    source = dataset.field2source[field]
    sides = {
        FeatureSource.USER: (dataset.uid_field, dataset.user_feat),
        FeatureSource.ITEM: (dataset.iid_field, dataset.item_feat),
    }
    if source in sides:
        key, side = sides[source]
        values = side[field][dataset.inter_feat[key]]
    else:
        values = dataset.inter_feat[field]
    return np.bincount(values.numpy(), minlength=n_ids)
