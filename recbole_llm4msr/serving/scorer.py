"""Score rows and recommend items with an exported model, without torch and RecBole."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import polars as pl

from recbole_llm4msr.serving.artefact import HISTORY, Artefact, GivenLayers
from recbole_llm4msr.serving.errors import ArtefactError, InputError
from recbole_llm4msr.serving.id_scorer import IdScorer
from recbole_llm4msr.serving.recommend import recommend
from recbole_llm4msr.serving.rows import OnUnknown, RowEncoder

if TYPE_CHECKING:
    import pandas as pd

    Frame = TypeVar("Frame", pl.DataFrame, pd.DataFrame)

#: Column that :meth:`Scorer.predict` adds.
SCORE = "score"


class Scorer(IdScorer):
    """An exported model that is ready to score; safe to use from several threads.

    Args:
        artefact: The opened artefact.
        threads: Threads that share the blocks of a call; 0 for all cores.

    Example:
        >>> scorer = Scorer.load("exported")  # doctest: +SKIP
        >>> scorer.predict(rows)  # doctest: +SKIP
    """

    def __init__(self, artefact: Artefact, *, threads: int = 1) -> None:
        super().__init__(artefact, threads)
        self.encoder = RowEncoder(artefact)
        self._seen: dict[int, np.ndarray] = {}

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
