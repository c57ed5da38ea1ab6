"""The training split in raw tokens with item texts: the only data that prompts may use."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from recbole.data.dataset import Dataset

from recbole_llm4msr.data.atomic import AtomicFileError, read_atomic, read_header

#: Column of the interactions that holds their times in full while they are ordered and split:
#: RecBole's tensors are float32, in which today's seconds are rounded to two minutes.
EXACT_TIME = "exact_time"


@dataclass(frozen=True)
class TrainingHistory:
    """The training split in raw tokens, with the texts that its items carry.

    Knowledge reads data through this class only. It is built from the training split alone, so
    that no prompt or statistic can contain validation or test rows.

    Attributes:
        dataset: Name of the data set.
        rows: One row per training interaction, in the order of the training split, with the
            columns ``user``, ``item``, ``scenario`` (str), ``label`` (float32, 0 or 1) and
            ``time`` (float64, not rounded as in RecBole's tensors; null without a time field).
        users: Raw tokens of **all** users of the data set in id order, without the padding id;
            the user of id ``i`` is ``users[i - 1]``. A user may have no training row.
        items: Text columns and the category column (str, null where empty) of the items **that
            occur in** ``rows``, with their raw token in the column ``item``; one row per item, in
            id order, so that the order of the ``.item`` file does not matter.
        item_tokens: Raw tokens of all items of the data set in id order, without the padding id.
        scenarios: Raw tokens of the scenarios in id order, without the padding id.
        scenario_names: A display name for each scenario, same order.
        scenario_descriptions: A sentence on each scenario, empty where there is none.
        profiles: Profile columns (str) of the users with their raw token in ``user``, in id order,
            or ``None``.
    """

    dataset: str
    rows: pl.DataFrame
    users: list[str]
    items: pl.DataFrame
    item_tokens: list[str]
    scenarios: list[str]
    scenario_names: list[str]
    scenario_descriptions: list[str]
    profiles: pl.DataFrame | None = None

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of exactly the rows, texts, names and profiles that a prompt can use."""
        digest = hashlib.sha256()
        frames = [frame for frame in (self.rows, self.items, self.profiles) if frame is not None]
        for column in (column for frame in frames for column in frame):
            digest.update(column.name.encode() + b"\x1e")
            if column.dtype == pl.String:
                # The values themselves, so that every version of polars gives the same hash.
                digest.update("\x1f".join(column.fill_null("\x00")).encode() + b"\x1e")
            else:
                digest.update(column.is_null().to_numpy().tobytes())
                digest.update(column.fill_null(0).to_numpy().tobytes())
        for texts in (
            self.users,
            self.scenarios,
            self.scenario_names,
            self.scenario_descriptions,
        ):
            digest.update("\x1f".join(texts).encode() + b"\x1e")
        return digest.hexdigest()


def history_of(split: Dataset) -> TrainingHistory:
    """Convert a training split to raw tokens.

    Item texts and user profiles are read from the atomic files by raw token, so that they need not
    be model features, and words such as "null" stay words.
    """
    feat, config = split.inter_feat.interaction, split.config
    fields = {"user": split.uid_field, "item": split.iid_field, "scenario": split.scenario_field}
    columns = {name: split.raw_tokens(field, feat[field].numpy()) for name, field in fields.items()}
    n_rows = len(split.inter_feat)
    times = [None] * n_rows if split.exact_times is None else split.exact_times.numpy()
    # Without labels every row is positive, as in RecBole's negative sampling.
    labels = feat[split.label_field].numpy() if split.label_field in feat else [1.0] * n_rows
    rows = pl.DataFrame(
        {
            **columns,
            "label": pl.Series(labels, dtype=pl.Float32),
            "time": pl.Series(times, dtype=pl.Float64),
        }
    )
    by = "user_profile_fields"
    profiles = _texts(split, "user", split.uid_field, field_names(config[by]), by)
    return TrainingHistory(
        dataset=split.dataset_name,
        rows=rows,
        users=[str(token) for token in split.field2id_token[split.uid_field][1:]],
        items=_items(split, rows.select(pl.col("item").unique(maintain_order=True))),
        item_tokens=[str(token) for token in split.field2id_token[split.iid_field][1:]],
        scenarios=split.scenario_tokens,
        scenario_names=split.scenario_names,
        scenario_descriptions=split.scenario_descriptions,
        profiles=None if profiles is None else _in_id_order(split, split.uid_field, profiles),
    )


def texts_of_items(split: Dataset, tokens: pl.Series) -> pl.DataFrame:
    """The columns of :attr:`TrainingHistory.items` for given items, in id order.

    Args:
        split: The training split.
        tokens: Raw tokens of items of the data set, with or without training rows.
    """
    return _items(split, tokens.alias("item").to_frame())


def field_names(given: str | Sequence[str] | None) -> tuple[str, ...]:
    """Parse a setting that lists fields: a list, one name, or ``a,b``."""
    if isinstance(given, str):
        given = [part.strip() for part in given.strip("[]").split(",") if part.strip()]
    return tuple(str(field) for field in given or ())


def _items(split: Dataset, seen: pl.DataFrame) -> pl.DataFrame:
    """Read the ``.item`` file's texts of the items in the column ``item`` of ``seen``.

    Its columns are ``item_text_fields``, without a choice all texts (``token_seq``), and
    ``item_category_field``.
    """
    config, key = split.config, split.iid_field
    fields = field_names(config["item_text_fields"])
    path = _file(split, "item")
    if config["item_text_fields"] is None and path.is_file():
        header = read_header(path, config["field_separator"], config["encoding"])
        fields = tuple(field for field, kind in header.items() if kind == "token_seq")
    named = [*fields, *filter(None, [config["item_category_field"]])]
    by = "item_text_fields, item_category_field"
    if named and not path.is_file():
        raise FileNotFoundError(
            f"{by}: {path} does not exist, and {', '.join(named)} would be read from it; add the "
            "file, or set item_text_fields to null"
        )
    item_texts = _texts(split, "item", key, list(dict.fromkeys(named)), by)
    if item_texts is not None:
        seen = seen.join(item_texts, on="item", how="left")
    return _in_id_order(split, key, seen)


def _in_id_order(split: Dataset, field: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Rows of a frame in the order of the ids of their keys; the first column holds these."""
    key = frame.columns[0]
    ids = split.raw_tokens(field, np.arange(1, split.num(field))).alias(key).to_frame()
    return frame.join(ids.with_row_index("id"), on=key).sort("id").drop("id")


def _file(split: Dataset, suffix: str) -> Path:
    return Path(split.dataset_path) / f"{split.dataset_name}.{suffix}"


def _texts(
    split: Dataset, suffix: str, key: str, fields: Sequence[str], named_by: str
) -> pl.DataFrame | None:
    """Columns of the ``.item`` or ``.user`` file, the raw token in column ``suffix``.

    Raises:
        AtomicFileError: A field does not exist, or is the key; ``named_by`` is the option that
            names it.
    """
    if not fields:
        return None
    options = (split.config["field_separator"], split.config["encoding"])
    path = _file(split, suffix)
    columns = [field for field in read_header(path, *options) if field != key]
    for field in fields:
        if field not in columns:
            raise AtomicFileError(
                f"{named_by}: {path}: there is no column {field} beside the key; it has "
                f"{', '.join(columns)}"
            )
    frame = read_atomic(path, [key, *fields], *options)
    return (
        frame.rename({key: suffix})
        .with_columns(pl.col(fields).cast(pl.String))
        .unique(suffix, keep="first", maintain_order=True)
    )
