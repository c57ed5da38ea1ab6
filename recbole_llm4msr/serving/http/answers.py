"""Answers of the two routes: a request and the artefact to JSON; runs in a thread of the pool."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from recbole_llm4msr.serving.artefact import HISTORY
from recbole_llm4msr.serving.fields import Field
from recbole_llm4msr.serving.http.faults import RequestError, in_field
from recbole_llm4msr.serving.http.schemas import (
    RecommendedItem,
    RecommendRequest,
    RecommendResponse,
    ScoreRequest,
    ScoreResponse,
)
from recbole_llm4msr.serving.http.swapping import Served
from recbole_llm4msr.serving.recommend import (
    best_items,
    candidate_ids,
    check_fields,
    scenario_number,
)
from recbole_llm4msr.serving.rows import OnUnknown
from recbole_llm4msr.serving.scorer import Scorer


def score(served: Served, request: ScoreRequest, on_unknown: OnUnknown) -> bytes:
    """Score the candidates of a request; the body of the response.

    Raises:
        RequestError: A field cannot be used.
    """
    scorer = served.scorer
    user, scenario = _user_and_scenario(scorer, request, on_unknown)
    column = pl.Series(scorer.artefact.item_field, request.candidates, dtype=pl.String)
    with in_field("candidates", of_many=True):
        items = scorer.encoder.items(column, on_unknown)
    values = _values(scorer, request)
    scores = _finite(scorer.score_items(user, scenario, items, values))
    response = ScoreResponse.model_construct(artefact=served.name, scores=scores.tolist())
    return response.model_dump_json().encode()


def recommend(served: Served, request: RecommendRequest, on_unknown: OnUnknown) -> bytes:
    """Find the best items for a request; the body of the response.

    Raises:
        RequestError: A field cannot be used.
    """
    scorer = served.scorer
    artefact = scorer.artefact
    with in_field(None):
        check_fields(scorer.encoder)
    if request.exclude_seen and HISTORY not in artefact.manifest["files"]:
        raise RequestError(
            "exclude_seen", "this artefact was exported without the items that users have seen"
        )
    user, scenario = _user_and_scenario(scorer, request, on_unknown)
    with in_field("candidates", of_many=True):
        items = candidate_ids(scorer.encoder, request.candidates)
    best, scores = best_items(
        scorer, user, scenario, items, request.k, exclude_seen=request.exclude_seen
    )
    names = artefact.vocabularies[artefact.item_field].raw(best)
    found = [
        RecommendedItem.model_construct(item=name, score=score)
        for name, score in zip(names, _finite(scores).tolist(), strict=True)
    ]
    response = RecommendResponse.model_construct(artefact=served.name, items=found)
    return response.model_dump_json().encode()


def _user_and_scenario(
    scorer: Scorer, request: ScoreRequest | RecommendRequest, on_unknown: OnUnknown
) -> tuple[int, int]:
    with in_field("scenario"):
        scenario = scenario_number(scorer.artefact, request.scenario)
    column = pl.Series(scorer.artefact.user_field, [request.user], dtype=pl.String)
    with in_field("user"):
        user = int(scorer.encoder.users(column, on_unknown)[0])
    return user, scenario


def _values(scorer: Scorer, request: ScoreRequest) -> dict[str, np.ndarray]:
    """Columns of the fields that belong to the interaction."""
    wanted = {field.name: field for field in scorer.encoder.own}
    for name in request.fields:
        if name not in wanted:
            read = f"it reads {', '.join(wanted)}" if wanted else "it reads none"
            raise RequestError("fields", f"the model reads no field {name[:80]!r}; {read}")
    values = {}
    for name, field in wanted.items():
        if name not in request.fields:
            raise RequestError("fields", f"the model reads the field {name!r}, which is missing")
        given, n = request.fields[name], len(request.candidates)
        if len(given) != n:
            text = f"there are {len(given):,} values for {n:,} candidates"
            raise RequestError(f"fields.{name}", text)
        with in_field(f"fields.{name}", of_many=True):
            values[name] = scorer.encoder.values(field, _column(field, given))
    return values


def _column(field: Field, values: list[Any]) -> pl.Series:
    """Values of a field as a column of its type.

    Raises:
        RequestError: A value is of another type.
    """
    types, text, kind = {
        "float": ((int, float), "a number", pl.Float64),
        "token": ((str, int), "a text or a whole number", pl.String),
        "token_seq": ((str, list), "a list of texts, or a text", pl.List(pl.String)),
    }[field.kind]
    for number, value in enumerate(values):
        if value is not None and not isinstance(value, types):
            raise RequestError(f"fields.{field.name}.{number}", f"the value is not {text}")
    if field.kind == "token":
        values = [None if value is None else str(value) for value in values]
    elif field.kind == "token_seq":
        values = [v.split(field.separator) if isinstance(v, str) else v for v in values]
    return pl.Series(field.name, values, dtype=kind, strict=False)


def _finite(scores: np.ndarray) -> np.ndarray:
    """Check scores, which JSON could not hold: ``NaN`` would be sent as ``null``."""
    if not np.isfinite(scores).all():
        raise RuntimeError("the model's scores are not numbers")
    return scores
