"""What knowledge may see of a data set: its training rows, in raw tokens, and nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import polars as pl


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
