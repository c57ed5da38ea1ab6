"""Rows of a frame as the inputs of a graph: columns found, tokens looked up, faults named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from recbole_llm4msr.serving.artefact import Artefact
from recbole_llm4msr.serving.columns import as_texts, fault, numbers_of, shorten
from recbole_llm4msr.serving.errors import InputError
from recbole_llm4msr.serving.fields import Field
from recbole_llm4msr.serving.vocabulary import Vocabulary

OnUnknown = Literal["error", "score"]


@dataclass
class EncodedRows:
    """Rows as numbers.

    Attributes:
        users: Ids of the users, int64, shape ``(B,)``.
        items: Ids of the items, int64, shape ``(B,)``.
        scenarios: Scenario of every row in ``0 .. S - 1``; zeros for a model without scenarios.
        values: Columns of the fields that belong to the interaction, by name.
    """

    users: np.ndarray
    items: np.ndarray
    scenarios: np.ndarray
    values: dict[str, np.ndarray]


class RowEncoder:
    """Turns rows of raw tokens into ids.

    Args:
        artefact: The exported model.
        more_users: Users that are known beside those of the model. Their ids follow that of an
            unknown user.
    """

    def __init__(self, artefact: Artefact, more_users: Sequence[str] = ()) -> None:
        self.artefact = artefact
        vocabulary = artefact.vocabularies[artefact.user_field]
        self.unknown_user = vocabulary.unknown
        given = pl.Series(sorted(more_users, key=str.encode), dtype=pl.String)
        new = vocabulary.ids(given) == self.unknown_user if len(given) else []
        self._more = Vocabulary(given.filter(pl.Series(new, dtype=pl.Boolean)))
        self.keys = [artefact.user_field, artefact.item_field]
        self.own = [
            field
            for field in artefact.fields
            if field.source == "interaction" and field.name != artefact.scenario_field
        ]

    @property
    def columns(self) -> list[str]:
        """Names of the columns that rows need."""
        scenario = self.artefact.scenario_field
        own = [field.name for field in self.own]
        return [*self.keys, *([scenario] if scenario else []), *own]

    def check_columns(self, columns: list[str]) -> None:
        """Check the names of a frame's columns.

        Raises:
            InputError: A column is missing or there twice.
        """
        twice = {name for name in columns if columns.count(name) > 1}
        if twice:
            raise InputError(f"the column {sorted(twice)[0]!r} is there twice")
        missing = [name for name in self.columns if name not in columns]
        if missing:
            raise InputError(
                f"there is no column {', '.join(missing)}; the model reads "
                f"{', '.join(self.columns)}, and the rows have {', '.join(columns)}"
            )

    def encode(
        self, frame: pl.DataFrame, on_unknown: OnUnknown = "error", first_row: int = 1
    ) -> EncodedRows:
        """Look up the tokens of rows.

        Args:
            frame: Rows with the columns of :attr:`columns`; others are not read.
            on_unknown: Whether a user or an item that the model does not know is an error, or is
                scored as an unknown one.
            first_row: Number of the first row, for messages.

        Raises:
            InputError: A row cannot be scored.
        """
        if on_unknown not in ("error", "score"):
            raise InputError(f"on_unknown: {on_unknown!r} is neither error nor score")
        self.check_columns(frame.columns)
        user, item = self.keys
        users = self.users(frame[user], on_unknown, first_row)
        items = self.items(frame[item], on_unknown, first_row)
        scenario_field = self.artefact.scenario_field
        scenarios = np.zeros(len(frame), np.int64)
        if scenario_field is not None:
            scenarios = self.scenarios(frame[scenario_field], first_row)
        values = {
            field.name: self.values(field, frame[field.name], first_row) for field in self.own
        }
        return EncodedRows(users, items, scenarios, values)

    def users(
        self, column: pl.Series, on_unknown: OnUnknown = "error", first_row: int = 1
    ) -> np.ndarray:
        """Ids of users, as :meth:`encode` looks them up."""
        vocabulary = self.artefact.vocabularies[self.artefact.user_field]
        return self._keys(column, vocabulary, on_unknown, first_row, self._more)

    @property
    def n_users(self) -> int:
        """Number of ids of users: 0, those of the model, the unknown one, those beside."""
        return self.unknown_user + 1 + len(self._more)

    def items(
        self, column: pl.Series, on_unknown: OnUnknown = "error", first_row: int = 1
    ) -> np.ndarray:
        """Ids of items, as :meth:`encode` looks them up."""
        vocabulary = self.artefact.vocabularies[self.artefact.item_field]
        return self._keys(column, vocabulary, on_unknown, first_row)

    def scenarios(self, column: pl.Series, first_row: int = 1) -> np.ndarray:
        """Scenarios in ``0 .. S - 1`` of raw tokens.

        Raises:
            InputError: A scenario is missing or unknown.
        """
        vocabulary = self.artefact.vocabularies[self.artefact.scenario_field]
        ids = self._keys(column, vocabulary, "error", first_row)
        return ids - 1

    def _keys(
        self,
        column: pl.Series,
        vocabulary: Vocabulary,
        on_unknown: OnUnknown,
        first_row: int,
        more: Vocabulary | None = None,
    ) -> np.ndarray:
        texts = as_texts(column)
        ids = vocabulary.ids(texts)
        if more and (ids == vocabulary.unknown).any():
            places = more.ids(texts)
            is_more = (ids == vocabulary.unknown) & (places != more.unknown)
            ids = np.where(is_more, vocabulary.unknown + places, ids)
        if texts.null_count():
            raise fault(first_row + int(texts.is_null().arg_max()), column.name, "is empty")
        unknown = ids == vocabulary.unknown
        if on_unknown == "error" and unknown.any():
            row = int(unknown.argmax())
            known = ""
            if column.name == self.artefact.scenario_field:
                known = f"; the model knows {known_scenarios(self.artefact)}"
            raise fault(
                first_row + row, column.name, f"{shorten(texts[row])!r} is not known{known}"
            )
        return ids

    def values(self, field: Field, column: pl.Series, first_row: int = 1) -> np.ndarray:
        """Input of the graph for a field that belongs to the interaction, ``(B, ...)``.

        Raises:
            InputError: A number is missing or not finite, or the column is of another type.
        """
        if field.kind == "float":
            return _as_float32(field, numbers_of(column, first_row), first_row)
        vocabulary = self.artefact.vocabularies[field.name]
        if field.kind == "token":
            return vocabulary.ids(as_texts(column))
        return _sequences(field, column, vocabulary)


def _as_float32(field: Field, numbers: np.ndarray, first_row: int) -> np.ndarray:
    with np.errstate(over="ignore"):
        values = field.scale(numbers).astype(np.float32)
    finite = np.isfinite(values)
    if not finite.all():
        row = int(finite.argmin())
        raise fault(first_row + row, field.name, f"{numbers[row]} is too large for float32")
    return values


def _sequences(field: Field, column: pl.Series, vocabulary: Vocabulary) -> np.ndarray:
    """Ids of the tokens of every row, 0 where there is none or an unknown one: ``(B, length)``."""
    if column.dtype == pl.List(pl.String):
        lists = column.fill_null([])
    else:
        lists = as_texts(column).fill_null("").str.split(field.separator)
    lists = lists.list.eval(pl.element().filter(pl.element() != "")).list.head(field.length)
    ids = np.zeros((len(column), field.length), np.int64)
    lengths = lists.list.len().to_numpy()
    tokens = lists.explode().drop_nulls()
    found = vocabulary.ids(tokens)
    found = np.where(found == vocabulary.unknown, 0, found)
    ids[np.arange(field.length) < lengths[:, None]] = found
    return ids


def known_scenarios(artefact: Artefact) -> str:
    """The scenarios of a model, for a message."""
    return shorten(", ".join(artefact.scenarios), 300)
