"""Score rows and recommend items with an exported model, without torch and RecBole."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import polars as pl

from recbole_llm4msr.serving.artefact import HISTORY, Artefact, GivenLayers, UserLayers
from recbole_llm4msr.serving.errors import ArtefactError, InputError
from recbole_llm4msr.serving.graphs import USER_LAYER, Graphs
from recbole_llm4msr.serving.recommend import recommend
from recbole_llm4msr.serving.rows import EncodedRows, OnUnknown, RowEncoder

if TYPE_CHECKING:
    import pandas as pd

    Frame = TypeVar("Frame", pl.DataFrame, pd.DataFrame)

#: Column that :meth:`Scorer.predict` adds.
SCORE = "score"

#: Rows that are scored at a time; the intermediate results of more do not stay in a core's cache.
BLOCK = 1024


class Scorer:
    """An exported model that is ready to score; safe to use from several threads.

    Args:
        artefact: The opened artefact.
        threads: Threads that share the blocks of a call; 0 for all cores.

    Example:
        >>> scorer = Scorer.load("exported")  # doctest: +SKIP
        >>> scorer.predict(rows)  # doctest: +SKIP
    """

    def __init__(self, artefact: Artefact, *, threads: int = 1) -> None:
        self.artefact = artefact
        self.encoder = RowEncoder(artefact)
        self._layers: UserLayers | GivenLayers | None = artefact.user_layers
        self._seen: dict[int, np.ndarray] = {}
        self._graphs = Graphs(artefact)
        threads = threads or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        # The features of users and items, by the side whose id finds them.
        self._sides = {
            side: [
                field.name
                for field in artefact.fields
                if field.source == side and field.name in artefact.features
            ]
            for side in ("user", "item")
        }

    @classmethod
    def load(cls, folder: str | Path, *, threads: int = 1, verify: bool = True) -> Scorer:
        """Open a folder that ``export`` wrote.

        Args:
            folder: The artefact.
            threads: Threads that share the blocks of a call; 0 for all cores.
            verify: Whether the checksums of all files are compared, not only their sizes.

        Raises:
            ArtefactError: It is not a complete, unaltered artefact of a version that can be read.
            MissingPackageError: onnxruntime is not installed.
        """
        return cls(Artefact.open(folder, verify=verify), threads=threads)

    def predict(self, frame: Frame, *, on_unknown: OnUnknown = "error") -> Frame:
        """Add a column ``score``, the click probability (float32), to rows of raw tokens.

        Args:
            frame: Rows with the columns of :attr:`columns`, as a polars or pandas frame.
            on_unknown: ``error``, or ``score`` to score unknown users and items as such.

        Returns:
            A frame of the same library with the same rows and columns, and ``score``.

        Raises:
            InputError: A row cannot be scored; the message names row (from 1) and column.
        """
        columns = [str(name) for name in frame.columns]
        self.encoder.check_columns(columns)
        if SCORE in columns:
            raise InputError(f"there is a column {SCORE!r} already; rename it")
        if isinstance(frame, pl.DataFrame):
            scores = self.score(self.encoder.encode(frame, on_unknown))
            return frame.with_columns(pl.Series(SCORE, scores))
        read = pl.DataFrame({name: _column_of_pandas(frame[name]) for name in self.columns})
        return frame.assign(**{SCORE: self.score(self.encoder.encode(read, on_unknown))})

    def with_user_layers(
        self,
        users: Sequence[str],
        layers: np.ndarray,
        seen: Sequence[Sequence[str]] | None = None,
    ) -> Scorer:
        """Return a scorer that has these layers for these users, in place of any given before.

        A user of the model keeps its embedding and features; another one has those of an unknown
        user, and is known from then on.

        Args:
            users: Distinct raw tokens.
            layers: What the user generator makes of their knowledge, float32, shape ``(U, n)``.
            seen: Items of each user that ``exclude_seen`` leaves out as well.

        Raises:
            InputError: The model has no user layers.
        """
        if self.artefact.user_layers is None:
            raise InputError(f"{self.artefact.manifest['model']} has no user layers")
        new = copy(self)
        new.encoder = RowEncoder(self.artefact, users)
        ids = new.encoder.users(pl.Series(self.artefact.user_field, users, dtype=pl.String))
        new._layers = GivenLayers(self.artefact.user_layers, new.encoder.n_users, ids, layers)
        names = [pl.Series(items, dtype=pl.String) for items in seen or ()]
        vocabulary = self.artefact.vocabularies[self.artefact.item_field]
        found = [vocabulary.ids(items) for items in names]
        found = [items[items < vocabulary.unknown] for items in found]
        new._seen = dict(zip(ids.tolist(), found, strict=False))
        return new

    def seen_items(self, user: int) -> np.ndarray:
        """Ids of the items that ``exclude_seen`` leaves out for a user.

        Raises:
            ArtefactError: The items of the training rows are not in the artefact.
        """
        own = self._seen.get(user, np.empty(0, np.int64))
        if user > self.encoder.unknown_user:  # one of with_user_layers, without training rows
            return own
        return np.concatenate([own, self.artefact.seen_items(user)])

    def open_all(self) -> None:
        """Open every file that scoring needs, and score an unknown user and item.

        Afterwards the folder may be moved or deleted; what is opened stays as it is.

        Raises:
            ArtefactError: A file cannot be read, or a score is not a number.
        """
        artefact = self.artefact
        unknown = [
            artefact.vocabularies[name].unknown
            for name in (artefact.user_field, artefact.item_field)
        ]
        if HISTORY in artefact.manifest["files"]:
            _ = artefact.history
        values = {field.name: field.without_value(1) for field in self.encoder.own}
        for scenario in range(max(1, len(self._graphs.by_scenario))):
            score = self.score_items(unknown[0], scenario, np.array(unknown[1:]), values)
            if not np.isfinite(score).all():
                raise ArtefactError(f"{artefact.folder}: the model's scores are not numbers")

    @property
    def columns(self) -> list[str]:
        """Columns that rows need; features of users and items are in the artefact."""
        return self.encoder.columns

    def score(self, rows: EncodedRows) -> np.ndarray:
        """Click probabilities of encoded rows, float32, shape ``(B,)``."""
        scores = np.empty(len(rows.users), np.float32)
        order = np.argsort(rows.scenarios, kind="stable")
        ends = np.cumsum(np.bincount(rows.scenarios, minlength=1))
        starts = ends - np.bincount(rows.scenarios, minlength=1)
        blocks = [
            (scenario, order[low : min(low + BLOCK, end)])
            for scenario, (start, end) in enumerate(zip(starts, ends, strict=True))
            for low in range(start, end, BLOCK)
        ]

        def fill(block: tuple[int, np.ndarray]) -> None:
            scores[block[1]] = self._score_block(*block, rows)

        self._for_each(fill, blocks)
        return scores

    def _for_each(self, function: Callable[[Any], None], blocks: Iterable[Any]) -> None:
        """Call a function with every block, by all threads; onnxruntime lets others run."""
        if self._pool is None:
            for block in blocks:
                function(block)
        else:
            list(self._pool.map(function, blocks))

    def _score_block(self, scenario: int, part: np.ndarray, rows: EncodedRows) -> np.ndarray:
        users = rows.users[part]
        inputs = self._inputs(scenario, users, rows.items[part])
        inputs |= {name: values[part] for name, values in rows.values.items()}
        if self._layers is not None:
            inputs[USER_LAYER] = self._layers.of(users)
        return self._graphs.run(scenario, inputs, one_user=False)

    def _inputs(self, scenario: int, users: np.ndarray, items: np.ndarray) -> dict[str, np.ndarray]:
        """The columns of users, items and the scenario."""
        artefact = self.artefact
        users = np.minimum(users, self.encoder.unknown_user)
        inputs = {artefact.user_field: users, artefact.item_field: items}
        if artefact.scenario_field is not None:
            inputs[artefact.scenario_field] = np.full(len(users), scenario + 1)
        for side, ids in (("user", users), ("item", items)):
            for name in self._sides[side]:
                values = artefact.features[name][ids]
                inputs[name] = values if values.dtype == np.float32 else values.astype(np.int64)
        return inputs

    def score_items(
        self,
        user: int,
        scenario: int,
        items: np.ndarray,
        values: dict[str, np.ndarray] | None = None,
    ) -> np.ndarray:
        """Click probabilities of items for one user in one scenario, shape ``(N,)``.

        The user's layer is taken once and multiplied as one matrix.

        Args:
            user: Id of the user.
            scenario: Scenario, ``0 .. S - 1``.
            items: Ids of the items, shape ``(N,)``.
            values: Columns of the fields that belong to the interaction, ``(N, ...)`` each.
        """
        scores = np.empty(len(items), np.float32)
        layer = None
        if self._layers is not None:
            layer = self._layers.of(np.array([user]))

        def fill(low: int) -> None:
            part = slice(low, low + BLOCK)
            inputs = self._inputs(scenario, np.full(len(items[part]), user), items[part])
            inputs |= {name: column[part] for name, column in (values or {}).items()}
            if layer is not None:
                inputs[USER_LAYER] = layer
            scores[part] = self._graphs.run(scenario, inputs, one_user=True)

        self._for_each(fill, range(0, len(items), BLOCK))
        return scores

    def recommend(
        self,
        users: Sequence[str] | pl.Series,
        scenario: str | None = None,
        k: int = 10,
        candidates: Sequence[str] | pl.Series | None = None,
        exclude_seen: bool = False,
        *,
        on_unknown: OnUnknown = "error",
    ) -> pl.DataFrame:
        """The ``k`` items of highest probability for every user, in one scenario.

        Args:
            users: Raw tokens of the users.
            scenario: Raw token of the scenario; ``None`` for a model without scenarios.
            k: Number of items.
            candidates: Raw tokens of the items to choose from; ``None`` for all.
            exclude_seen: Leave out the items of the user's training rows; the artefact must have
                been exported with them. Those of a given history are left out as well.
            on_unknown: ``error``, or ``score`` to score unknown users as such.

        Returns:
            A polars frame with a row per user and item: the user's column, ``rank`` (from 1), the
            item's column, ``score``. Users come in the given order; equal scores in the order of
            the raw items.

        Raises:
            InputError: A user, the scenario or a candidate is not known, or ``k`` is not positive.
            ArtefactError: The seen items are not in the artefact.
        """
        return recommend(
            self, users, scenario, k, candidates, exclude_seen=exclude_seen, on_unknown=on_unknown
        )


def _column_of_pandas(column: pd.Series) -> pl.Series:
    """A pandas column for polars, which would need pyarrow for texts otherwise."""
    values = column.to_numpy()
    if values.dtype != object:
        return pl.Series(str(column.name), values)
    plain = [None if value is None or value != value else value for value in values]
    return pl.Series(str(column.name), plain, strict=False)
