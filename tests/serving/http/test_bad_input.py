"""Wrong requests: JSON that names the field, nothing of the server, and the server goes on."""

from __future__ import annotations

import json

import pytest

from .conftest import VALID, figure, served

BOTH = sorted(VALID)


def faults(answer, status: int = 422) -> list[tuple[str | None, str]]:
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"errors"}
    for secret in ("/tmp", "/home", "Traceback", ".py", "site-packages", "pydantic"):
        assert secret not in answer.text
    assert len(answer.text) < 10_000
    return [(fault["field"], fault["message"]) for fault in answer.json()["errors"]]


@pytest.mark.parametrize("route", BOTH)
@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"user": "nobody"}, "user", "'nobody' is not known"),
        ({"user": ""}, "user", "at least 1 character"),
        ({"user": "u" * 2_000_000}, "user", "at most 1024 characters"),
        ({"user": 1}, "user", "valid string"),
        ({"user": None}, "user", "valid string"),
        ({"user": ["u1"]}, "user", "valid string"),
        ({"user": "\ud800"}, "user", "unicode"),
        ({"user": "u1\0"}, "user", "is not known"),
        ({"scenario": "nowhere"}, "scenario", "'nowhere' is not known; the model knows feed, mail"),
        ({"scenario": None}, "scenario", "name one of feed, mail, search"),
        ({"candidates": []}, "candidates", "at least 1 item"),
        ({"candidates": ["i1"] * 10_001}, "candidates", "at most 10000 items"),
        ({"candidates": "i1"}, "candidates", "valid list"),
        ({"candidates": ["i1", 2]}, "candidates.1", "valid string"),
        ({"candidates": ["i1", None]}, "candidates.1", "valid string"),
        ({"candidates": ["i1", ""]}, "candidates.1", "at least 1 character"),
        ({"candidates": ["i1", "i" * 1025]}, "candidates.1", "at most 1024 characters"),
        ({"candidates": ["i1", "i2", "none"]}, "candidates.2", "'none' is not known"),
        ({"extra": 1}, "extra", "there is no such field"),
        ({"x" * 100_000: 1}, "x" * 80 + "... (100,000 characters)", "there is no such field"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_field_is_named(client, route, change, field, message) -> None:
    body = json.dumps({**VALID[route], **change})  # in ASCII, which can hold half a surrogate pair
    answer = client.post(route, content=body, headers={"Content-Type": "application/json"})
    ((named, told),) = faults(answer)
    assert named == field and message in told
    assert client.post(route, json=VALID[route]).status_code == 200


@pytest.mark.parametrize("k", [0, -1, 1001, 1.5, "3", None, True])
def test_k_is_a_whole_number_within_its_bounds(client, k) -> None:
    ((field, _),) = faults(client.post("/v1/recommend", json={**VALID["/v1/recommend"], "k": k}))
    assert field == "k"


@pytest.mark.parametrize("route", BOTH)
@pytest.mark.parametrize("field", ["user", "candidates", "scenario"])
def test_a_missing_field_is_named(client, route, field) -> None:
    body = {key: value for key, value in VALID[route].items() if key != field}
    answer = client.post(route, json=body)
    if (route, field) == ("/v1/recommend", "candidates"):
        assert answer.status_code == 200  # all items
    else:
        assert faults(answer)[0][0] == field


def test_fields_that_the_model_does_not_read_are_refused(client) -> None:
    given = {**VALID["/v1/score"], "fields": {"hour": [1, 2, 3]}}
    ((field, message),) = faults(client.post("/v1/score", json=given))
    assert field == "fields" and "reads no field 'hour'" in message


def test_no_more_than_twenty_faults_are_told(client) -> None:
    given = {**VALID["/v1/score"], **{f"extra{n}": 1 for n in range(500)}}
    assert len(faults(client.post("/v1/score", json=given))) == 20


@pytest.mark.parametrize("route", BOTH)
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"user": NaN}', "NaN is not a number in JSON"),
        (b'{"user": "u1", "k": -Infinity}', "-Infinity is not a number in JSON"),
        (b'{"user": "u1"', "at character 13"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"user": "u1", "user": "u2"}', "the key 'user' is there twice"),
        (b"[" * 100_000, "nested too deeply"),
        (b"1" * 100_000, "a number is too long"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_not_json_is_refused(client, route, body, message) -> None:
    answer = client.post(route, content=body, headers={"Content-Type": "application/json"})
    ((field, told),) = faults(answer, 400)
    assert field is None and message in told


@pytest.mark.parametrize("route", BOTH)
@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"text"', b"1"])
def test_a_body_that_is_not_an_object_is_refused(client, route, body) -> None:
    answer = client.post(route, content=body, headers={"Content-Type": "application/json"})
    assert len(faults(answer)) == 1


@pytest.mark.parametrize("route", BOTH)
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_another_type_of_body_is_refused(client, route, kind) -> None:
    answer = client.post(route, content=b"{}", headers={"Content-Type": kind})
    assert "application/json" in faults(answer, 415)[0][1]


@pytest.mark.parametrize("route", BOTH)
def test_an_id_of_10_mb_is_refused_by_the_size_of_the_body(client, route) -> None:
    answer = client.post(route, json={**VALID[route], "user": "u" * 10_000_000})
    assert faults(answer, 413) == [(None, "the body is larger than 4,194,304 bytes")]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/score", 405),
        ("POST", "/healthz", 405),
        ("GET", "/", 404),
        ("GET", "/../etc/passwd", 404),
        ("GET", "/redoc", 404),
    ],
)
def test_other_paths_and_methods_are_answered_in_json(client, method, path, status) -> None:
    assert faults(client.request(method, path), status)[0][0] is None


def test_a_failure_of_the_server_tells_nothing_of_it(star, monkeypatch) -> None:
    from recbole_llm4msr.serving import Scorer

    with served(star.folder) as client:

        def fail(*_) -> None:
            raise OSError("/tmp/secret cannot be read")

        monkeypatch.setattr(Scorer, "score_items", fail)
        answer = client.post("/v1/score", json=VALID["/v1/score"])
        assert faults(answer, 500) == [(None, "the server failed; its log says more about it")]
        monkeypatch.undo()
        assert client.post("/v1/score", json=VALID["/v1/score"]).status_code == 200
        line = 'recbole_llm4msr_requests_total{path="/v1/score",status="500"}'
        assert figure(client, line) == 1
