"""The best items of users: every candidate is scored, and what is a user's own is made once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import polars as pl

from recbole_llm4msr.serving.artefact import Artefact
from recbole_llm4msr.serving.errors import InputError
from recbole_llm4msr.serving.rows import OnUnknown, RowEncoder


class ItemScorer(Protocol):
    """What :class:`~recbole_llm4msr.serving.scorer.Scorer` has of it."""

    artefact: Artefact
    encoder: RowEncoder

    def score_items(self, user: int, scenario: int, items: np.ndarray) -> np.ndarray:
        """Click probabilities of items for one user, shape ``(N,)``."""
        ...


def recommend(
    scorer: ItemScorer,
    users: Sequence[str] | pl.Series,
    scenario: str | None,
    k: int,
    candidates: Sequence[str] | pl.Series | None,
    *,
    exclude_seen: bool,
    on_unknown: OnUnknown,
) -> pl.DataFrame:
    """See :meth:`~recbole_llm4msr.serving.scorer.Scorer.recommend`."""
    if k < 1:
        raise InputError(f"k: {k} is not a number of items")
    artefact, encoder = scorer.artefact, scorer.encoder
    if encoder.own:
        raise InputError(
            f"the model reads {encoder.own[0].name!r}, which belongs to a single interaction; "
            "score rows that hold it with predict"
        )
    scenario_id = _scenario(scorer, scenario)
    user_tokens = pl.Series(artefact.user_field, users, dtype=pl.String)
    user_ids = encoder.users(user_tokens, on_unknown)
    items = _candidates(scorer, candidates)
    vocabulary = artefact.vocabularies[artefact.item_field]
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for user in user_ids:
        open_items = items
        if exclude_seen:
            seen = np.zeros(vocabulary.unknown, dtype=bool)
            seen[artefact.seen_items(user)] = True
            open_items = items[~seen[items]]
        scores = scorer.score_items(user, scenario_id, open_items)
        best = top(scores, k)
        found.append((open_items[best], scores[best]))
    sizes = [len(best) for best, _ in found]
    ranks = [np.arange(1, size + 1) for size in sizes]
    item_ids = np.concatenate([np.empty(0, np.int64), *(best for best, _ in found)])
    return pl.DataFrame(
        {
            artefact.user_field: user_tokens.gather(np.repeat(np.arange(len(sizes)), sizes)),
            "rank": np.concatenate([np.empty(0, np.int64), *ranks]),
            artefact.item_field: vocabulary.raw(item_ids),
            "score": np.concatenate([np.empty(0, np.float32), *(best for _, best in found)]),
        }
    )


def top(scores: np.ndarray, k: int) -> np.ndarray:
    """Positions of the ``k`` highest scores, the highest first, equal ones by position."""
    if k >= len(scores):
        return np.argsort(-scores, kind="stable")
    least = np.partition(scores, len(scores) - k)[len(scores) - k]
    above, equal = np.flatnonzero(scores > least), np.flatnonzero(scores == least)
    chosen = np.sort(np.concatenate([above, equal[: k - len(above)]]))
    return chosen[np.argsort(-scores[chosen], kind="stable")]


def _scenario(scorer: ItemScorer, scenario: str | None) -> int:
    field = scorer.artefact.scenario_field
    if field is None:
        if scenario is not None:
            raise InputError(f"scenario: {scenario!r} is given, and the model has no scenarios")
        return 0
    if scenario is None:
        known = ", ".join(scorer.artefact.scenarios)
        raise InputError(f"scenario: name one of {known}")
    if scenario not in scorer.artefact.scenarios:
        known = ", ".join(scorer.artefact.scenarios)
        raise InputError(f"scenario: {scenario[:80]!r} is not known; the model knows {known}")
    return scorer.artefact.scenarios.index(scenario)


def _candidates(scorer: ItemScorer, candidates: Sequence[str] | pl.Series | None) -> np.ndarray:
    """Ids of the candidates, each once, in the order of the raw tokens."""
    artefact = scorer.artefact
    vocabulary = artefact.vocabularies[artefact.item_field]
    if candidates is None:
        return np.arange(1, vocabulary.unknown)
    column = pl.Series(artefact.item_field, candidates, dtype=pl.String)
    if not len(column):
        raise InputError("candidates: there is none")
    return np.unique(scorer.encoder.items(column, "error"))
