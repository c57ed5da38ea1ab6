"""Interactions of users as prompts need them: columns found, texts of items, faults named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from recbole_llm4msr.serving.artefact import Artefact
from recbole_llm4msr.serving.columns import as_texts, fault, numbers_of, shorten
from recbole_llm4msr.serving.errors import InputError
from recbole_llm4msr.serving.rows import known_scenarios


@dataclass(frozen=True)
class HistoryRows:
    """Interactions of users.

    Attributes:
        rows: Columns ``user``, ``item``, ``scenario``, ``label`` (0 or 1) and ``time``.
        items: Texts of the items of ``rows``, in the column ``item`` and those of texts.
        profiles: Profile columns of the users, with their token in ``user``; ``None`` without.
    """

    rows: pl.DataFrame
    items: pl.DataFrame
    profiles: pl.DataFrame | None


def read_history(
    artefact: Artefact, facts: dict[str, Any], texts: pl.DataFrame, frame: pl.DataFrame
) -> HistoryRows:
    """Check the interactions of users.

    Args:
        artefact: The exported model.
        facts: What it says of its prompts.
        texts: Texts of its items.
        frame: A row for each interaction, in the order of time where there is no time.

    Raises:
        InputError: A column is missing or of another type, or a value cannot be used.
    """
    names = [artefact.user_field, artefact.item_field, artefact.scenario_field]
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise InputError(
            f"there is no column {', '.join(missing)}; interactions have {', '.join(names)}, and "
            f"may have {facts['label_field']} (0 or 1) and {facts['time_field']} (a number)"
        )
    if not len(frame):
        raise InputError("there are no interactions")
    keys = [_tokens(frame[name]) for name in names]
    _check_scenarios(artefact, keys[2])
    rows = pl.DataFrame(
        {
            "user": keys[0],
            "item": keys[1],
            "scenario": keys[2],
            "label": _labels(facts, frame).cast(pl.Float32),
            "time": _times(facts, frame),
        }
    )
    seen = rows.select(pl.col("item").unique(maintain_order=True))
    items = texts.join(seen, on="item", how="semi", maintain_order="left")
    others = seen.join(items, on="item", how="anti")  # have no text, as an item without one
    items = pl.concat([items, others], how="diagonal")
    return HistoryRows(rows, items, _profiles(facts, frame, keys[0]))


def _tokens(column: pl.Series) -> pl.Series:
    texts = as_texts(column)
    empty = texts.is_null() | (texts == "")
    if empty.any():
        raise fault(int(empty.arg_max()) + 1, column.name, "is empty")
    return texts


def _check_scenarios(artefact: Artefact, column: pl.Series) -> None:
    unknown = ~column.is_in(artefact.scenarios)
    if unknown.any():
        row = int(unknown.arg_max())
        what = f"{shorten(column[row])!r} is not known; the model knows {known_scenarios(artefact)}"
        raise fault(row + 1, column.name, what)


def _labels(facts: dict[str, Any], frame: pl.DataFrame) -> pl.Series:
    """Labels as given, or by the threshold of the training; without either all rows are clicks."""
    field = facts["label_field"]
    if field in frame.columns:
        labels = _numbers(frame[field])
        wrong = ~labels.is_in([0.0, 1.0])
        if wrong.any():
            row = int(wrong.arg_max())
            raise fault(row + 1, field, f"{labels[row]} is neither 0 nor 1")
        return labels
    for name, least in (facts["threshold"] or {}).items():
        if name in frame.columns:
            return _numbers(frame[name]) >= least
    return pl.Series(np.ones(len(frame)))


def _times(facts: dict[str, Any], frame: pl.DataFrame) -> pl.Series:
    field = facts["time_field"]
    if field in frame.columns:
        return _numbers(frame[field])
    return pl.Series([None] * len(frame), dtype=pl.Float64)


def _numbers(column: pl.Series) -> pl.Series:
    return pl.Series(column.name, numbers_of(column))


def _profiles(facts: dict[str, Any], frame: pl.DataFrame, users: pl.Series) -> pl.DataFrame | None:
    """The profile fields that are columns of the interactions: a user's first value counts."""
    fields = [name for name in facts["profile_fields"] if name in frame.columns]
    if not fields:
        return None
    columns = [as_texts(frame[name]) for name in fields]
    return (
        pl.DataFrame([users.alias("user"), *columns])
        .group_by("user", maintain_order=True)
        .agg(pl.col(fields).drop_nulls().first())
    )
