"""The best items of users: every candidate is scored, and what is a user's own is made once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import polars as pl

from recbole_llm4msr.serving.artefact import Artefact
from recbole_llm4msr.serving.columns import shorten
from recbole_llm4msr.serving.errors import InputError
from recbole_llm4msr.serving.rows import OnUnknown, RowEncoder, known_scenarios


class ItemScorer(Protocol):
    """What :class:`~recbole_llm4msr.serving.scorer.Scorer` has of it."""

    artefact: Artefact
    encoder: RowEncoder

    def score_items(self, user: int, scenario: int, items: np.ndarray) -> np.ndarray:
        """Click probabilities of items for one user, shape ``(N,)``."""
        ...

    def seen_items(self, user: int) -> np.ndarray:
        """Ids of the items that ``exclude_seen`` leaves out for a user."""
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
    check_fields(encoder)
    scenario_id = scenario_number(artefact, scenario)
    user_tokens = pl.Series(artefact.user_field, users, dtype=pl.String)
    user_ids = encoder.users(user_tokens, on_unknown)
    items = candidate_ids(encoder, candidates)
    found = [
        best_items(scorer, user, scenario_id, items, k, exclude_seen=exclude_seen)
        for user in user_ids
    ]
    sizes = [len(best) for best, _ in found]
    ranks = [np.arange(1, size + 1) for size in sizes]
    item_ids = np.concatenate([np.empty(0, np.int64), *(best for best, _ in found)])
    return pl.DataFrame(
        {
            artefact.user_field: user_tokens.gather(np.repeat(np.arange(len(sizes)), sizes)),
            "rank": np.concatenate([np.empty(0, np.int64), *ranks]),
            artefact.item_field: artefact.vocabularies[artefact.item_field].raw(item_ids),
            "score": np.concatenate([np.empty(0, np.float32), *(best for _, best in found)]),
        }
    )


def best_items(
    scorer: ItemScorer, user: int, scenario: int, items: np.ndarray, k: int, *, exclude_seen: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Ids and scores of the ``k`` best of some items for one user, the highest first.

    Args:
        scorer: The exported model.
        user: Id of the user.
        scenario: Scenario, ``0 .. S - 1``.
        items: Ids of the items to choose from, shape ``(N,)``.
        k: Number of items.
        exclude_seen: Leave out the items of the user's training rows.

    Raises:
        ArtefactError: The seen items are not in the artefact.
    """
    if exclude_seen:
        artefact = scorer.artefact
        seen = np.zeros(artefact.vocabularies[artefact.item_field].unknown, dtype=bool)
        seen[scorer.seen_items(user)] = True
        items = items[~seen[items]]
    scores = scorer.score_items(user, scenario, items)
    best = top(scores, k)
    return items[best], scores[best]


def top(scores: np.ndarray, k: int) -> np.ndarray:
    """Positions of the ``k`` highest scores, the highest first, equal ones by position."""
    if k >= len(scores):
        return np.argsort(-scores, kind="stable")
    least = np.partition(scores, len(scores) - k)[len(scores) - k]
    above, equal = np.flatnonzero(scores > least), np.flatnonzero(scores == least)
    chosen = np.sort(np.concatenate([above, equal[: k - len(above)]]))
    return chosen[np.argsort(-scores[chosen], kind="stable")]


def check_fields(encoder: RowEncoder) -> None:
    """Check that a model needs nothing beside the user, the item and the scenario.

    Raises:
        InputError: It reads a field that belongs to a single interaction.
    """
    if encoder.own:
        raise InputError(
            f"the model reads {encoder.own[0].name!r}, which belongs to a single interaction; "
            "score rows that hold it with predict"
        )


def scenario_number(artefact: Artefact, scenario: str | None) -> int:
    """The scenario in ``0 .. S - 1`` of a raw token; 0 for a model without scenarios.

    Raises:
        InputError: The scenario is missing or unknown, or the model has none.
    """

    def fault(what: str) -> InputError:
        return InputError(f"scenario: {what}", what=what)

    if artefact.scenario_field is None:
        if scenario is not None:
            raise fault(f"{shorten(scenario)!r} is given, and the model has no scenarios")
        return 0
    if scenario is None:
        raise fault(f"name one of {known_scenarios(artefact)}")
    if scenario not in artefact.scenarios:
        known = known_scenarios(artefact)
        raise fault(f"{shorten(scenario)!r} is not known; the model knows {known}")
    return artefact.scenarios.index(scenario)


def candidate_ids(encoder: RowEncoder, candidates: Sequence[str] | pl.Series | None) -> np.ndarray:
    """Ids of the candidates, each once, in the order of the raw tokens; ``None`` for all items.

    Raises:
        InputError: There is none, or one is unknown.
    """
    artefact = encoder.artefact
    if candidates is None:
        return np.arange(1, artefact.vocabularies[artefact.item_field].unknown)
    column = pl.Series(artefact.item_field, candidates, dtype=pl.String)
    if not len(column):
        raise InputError("candidates: there is none")
    return np.unique(encoder.items(column, "error"))
