"""What knowledge may see of a data set: its training rows, in raw tokens, and nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from recbole_llm4msr.data.atomic import read_atomic, read_header

if TYPE_CHECKING:
    from recbole_llm4msr.data.dataset import MultiScenarioDataset


@dataclass(frozen=True)
class TrainingHistory:
    """The training split in raw tokens, with the texts that its items carry.

    This is the one door between data and knowledge. It is built from the training split alone,
    so whatever a prompt or a statistic is made of cannot come from validation or test rows.

    Attributes:
        dataset: Name of the data set.
        rows: One row per training interaction, in the order of the training split, with the
            columns ``user``, ``item``, ``scenario`` (str), ``label`` (float32, 0 or 1) and
            ``time`` (float64, null where the data set has no time field).
        users: Raw tokens of **all** users of the data set in id order, without the padding id;
            the user of id ``i`` is ``users[i - 1]``. A user may have no training row.
        items: Text columns (str, null where empty) of the items **that occur in** ``rows``, with
            their raw token in the column ``item``; one row per item.
        item_tokens: Raw tokens of all items of the data set in id order, without the padding id.
        scenarios: Raw tokens of the scenarios in id order, without the padding id.
        scenario_names: A name for people for each scenario, same order.
        scenario_descriptions: A sentence on each scenario, empty where there is none.
        profiles: Profile columns (str) of the users with their raw token in ``user``, or ``None``.
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
        """SHA-256 over exactly the rows, texts, names and profiles a prompt can be made of."""
        digest = hashlib.sha256()
        frames = [frame for frame in (self.rows, self.items, self.profiles) if frame is not None]
        for column in (column for frame in frames for column in frame):
            digest.update(column.name.encode() + b"\x1e")
            if column.dtype == pl.String:
                # The values themselves, so that other versions of polars find the same.
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


def history_of(split: MultiScenarioDataset) -> TrainingHistory:
    """The rows of a training split in raw tokens.

    Item texts and user profiles are read from the atomic files by raw token, so that they need not
    be model features, and words such as "null" stay words.
    """
    feat, config = split.inter_feat, split.config
    fields = {"user": split.uid_field, "item": split.iid_field, "scenario": split.scenario_field}
    columns = {name: split.raw_tokens(field, feat[field].numpy()) for name, field in fields.items()}
    timed = split.time_field is not None and split.time_field in feat
    times = feat[split.time_field].double().numpy() if timed else [None] * len(feat)
    rows = pl.DataFrame(
        {
            **columns,
            "label": pl.Series(feat[split.label_field].numpy(), dtype=pl.Float32),
            "time": pl.Series(times, dtype=pl.Float64),
        }
    )
    items = _texts(split, "item", split.iid_field, config["item_text_fields"])
    if items is None:
        items = pl.DataFrame(schema={"item": pl.String})
    return TrainingHistory(
        dataset=split.dataset_name,
        rows=rows,
        users=[str(token) for token in split.field2id_token[split.uid_field][1:]],
        items=items.join(rows.select("item").unique(), on="item", how="semi"),
        item_tokens=[str(token) for token in split.field2id_token[split.iid_field][1:]],
        scenarios=split.scenario_tokens,
        scenario_names=split.scenario_names,
        scenario_descriptions=split.scenario_descriptions,
        profiles=_texts(split, "user", split.uid_field, config["user_profile_fields"]),
    )


def _texts(
    split: MultiScenarioDataset, suffix: str, key: str, fields: list[str] | None
) -> pl.DataFrame | None:
    """Text columns of the ``.item`` or ``.user`` file, the raw token in column ``suffix``.

    Without a choice of ``fields`` these are the texts (``token_seq``) of an item, and nothing of a
    user.
    """
    path = Path(split.dataset_path) / f"{split.dataset_name}.{suffix}"
    options = (split.config["field_separator"], split.config["encoding"])
    if fields is None and suffix == "item" and path.is_file():
        header = read_header(path, *options)
        fields = [field for field, kind in header.items() if kind == "token_seq"]
    if not fields:
        return None
    frame = read_atomic(path, [key, *fields], *options)
    return (
        frame.rename({key: suffix})
        .with_columns(pl.col(fields).cast(pl.String))
        .unique(suffix, keep="first", maintain_order=True)
    )
