"""Fields of single interactions in a request: a value for each candidate."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from recbole_llm4msr.serving import Scorer

from ..test_interaction_fields import exported
from .conftest import served
from .test_bad_input import faults

__all__ = ["exported"]  # a fixture

GIVEN = {"user": "u1", "scenario": "feed", "candidates": ["i1", "i2"]}
FIELDS = {"hour": [3, 20.5], "query": [["w1", "w2"], "w0 w4"]}


@pytest.fixture(scope="module")
def client(exported):
    with served(exported.folder) as client:
        yield client


def test_the_scores_are_scorers(client, exported) -> None:
    answer = client.post("/v1/score", json={**GIVEN, "fields": FIELDS})
    rows = {"user_id": ["u1"] * 2, "item_id": ["i1", "i2"], "scenario": ["feed"] * 2}
    rows |= {"hour": [3.0, 20.5], "query": ["w1 w2", "w0 w4"]}
    want = Scorer.load(exported.folder).predict(pl.DataFrame(rows))["score"]
    np.testing.assert_allclose(answer.json()["scores"], want, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"hour": [1]}, "fields.hour", "there are 1 values for 2 candidates"),
        ({"hour": [1, "2"]}, "fields.hour.1", "the value is not a number"),
        ({"hour": [1, None]}, "fields.hour.1", "is empty"),
        ({"hour": [1, True]}, "fields.hour.1", "a value is a text, a number"),
        ({"hour": [1, 10**400]}, "fields.hour.1", "the number is too large"),
        ({"hour": [1, 1e300]}, "fields.hour.1", "the number is too large"),
        ({"hour": 1}, "fields.hour", "valid list"),
        ({"hour": [1, {}]}, "fields.hour.1", "a value is a text, a number"),
        ({"query": ["w1", ["w"] * 1001]}, "fields.query.1", "at most 1,000 tokens"),
        ({"query": ["w1", "w" * 10_001]}, "fields.query.1", "at most 10,000 characters"),
        ({"query": ["w1", [1]]}, "fields.query.1", "the tokens of a sequence are texts"),
        ({"query": ["w1", 3]}, "fields.query.1", "not a list of texts, or a text"),
        ({"none": [1, 2]}, "fields", "the model reads no field 'none'; it reads query, hour"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_wrong_values_are_named(client, change, field, message) -> None:
    answer = client.post("/v1/score", json={**GIVEN, "fields": {**FIELDS, **change}})
    ((named, told),) = faults(answer)
    assert named == field and message in told


def test_a_missing_field_is_named(client) -> None:
    ((field, told),) = faults(client.post("/v1/score", json={**GIVEN, "fields": {"hour": [1, 2]}}))
    assert field == "fields" and "reads the field 'query', which is missing" in told


def test_recommending_needs_no_fields_of_interactions(client) -> None:
    ((_, told),) = faults(client.post("/v1/recommend", json={"user": "u1", "scenario": "feed"}))
    assert "'query', which belongs to a single interaction" in told


def test_infinity_that_looks_like_json_is_refused(client) -> None:
    body = json.dumps({**GIVEN, "fields": {**FIELDS, "hour": [0, 7777]}}).replace("7777", "1e999")
    answer = client.post("/v1/score", content=body, headers={"Content-Type": "application/json"})
    assert faults(answer) == [("fields.hour.1", "the number is too large")]
