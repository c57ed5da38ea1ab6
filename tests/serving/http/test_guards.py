"""Bearer tokens, bodies that are too large, and the bounded number of waiting requests."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from recbole_llm4msr.serving import Scorer
from recbole_llm4msr.serving.http.guards import LimitBody
from recbole_llm4msr.serving.http.server import read_token

from .conftest import SCORE, VALID, figure, served, wait_for

TOKEN = "s3cret-token"


@pytest.fixture(scope="module")
def guarded(star):
    with served(star.folder, token=TOKEN) as client:
        yield client


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", "Bearer é"],
)
def test_requests_without_the_token_are_refused(guarded, header) -> None:
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    for path, body in VALID.items():
        answer = guarded.post(path, json=body, headers=headers)
        assert answer.status_code == 401 and answer.headers["WWW-Authenticate"] == "Bearer"
        assert TOKEN not in answer.text
    assert guarded.get("/metrics", headers=headers).status_code == 401
    assert guarded.get("/nowhere", headers=headers).status_code == 401


def test_requests_with_the_token_are_answered(guarded) -> None:
    for scheme in ("Bearer", "bearer"):
        headers = {"Authorization": f"{scheme} {TOKEN}"}
        for path, body in VALID.items():
            assert guarded.post(path, json=body, headers=headers).status_code == 200
        assert guarded.get("/metrics", headers=headers).status_code == 200
    for path in ("/healthz", "/readyz", "/docs", "/openapi.json"):
        assert guarded.get(path).status_code == 200
    assert "HTTPBearer" in guarded.get("/openapi.json").json()["components"]["securitySchemes"]


def test_the_token_is_read_from_the_environment(monkeypatch) -> None:
    assert read_token(None) is None
    monkeypatch.setenv("T", TOKEN)
    assert read_token("T") == TOKEN
    for value, message in (("", "T is not set"), ("a b", "holds a blank"), ("é", "holds a blank")):
        monkeypatch.setenv("T", value)
        with pytest.raises(ValueError, match=message):
            read_token("T")


def chunks(sizes: list[int], read: list[int]):
    for size in sizes:
        read.append(size)
        yield b" " * size


def test_a_body_without_length_is_counted_as_it_comes(star) -> None:
    with served(star.folder, max_body=1000) as client:
        headers = {"Content-Type": "application/json"}
        answer = client.post("/v1/score", content=chunks([600, 600], []), headers=headers)
        assert answer.status_code == 413
        assert answer.json()["errors"][0]["message"] == "the body is larger than 1,000 bytes"
        assert client.post("/v1/score", json=SCORE).status_code == 200


@pytest.mark.parametrize("length", [None, b"100000"])
def test_a_body_over_the_limit_is_not_read_to_its_end(length) -> None:
    import asyncio

    received, sent = [], []

    async def app(scope, receive, send) -> None:
        while (await receive()).get("more_body"):
            pass

    async def receive() -> dict:
        received.append(100)
        return {"type": "http.request", "body": b" " * 100, "more_body": True}

    async def send(message) -> None:
        sent.append(message)

    headers = [] if length is None else [(b"content-length", length)]
    call = LimitBody(app, 1000)({"type": "http", "headers": headers}, receive, send)
    if length is None:
        from starlette.exceptions import HTTPException

        with pytest.raises(HTTPException, match="413"):
            asyncio.run(call)
        assert sum(received) == 1100
    else:
        asyncio.run(call)
        assert not received and sent[0]["status"] == 413


def test_more_waiting_requests_than_allowed_are_refused(star, monkeypatch) -> None:
    started, go_on = threading.Event(), threading.Event()
    score_items = Scorer.score_items

    def slow(self, *args):
        started.set()
        assert go_on.wait(30)
        return score_items(self, *args)

    with served(star.folder, threads=1, max_waiting=2) as client:
        monkeypatch.setattr(Scorer, "score_items", slow)
        with ThreadPoolExecutor(2) as pool:
            slow_ones = [pool.submit(client.post, "/v1/score", json=SCORE) for _ in range(2)]
            assert started.wait(30)
            in_progress = "recbole_llm4msr_requests_in_progress"
            wait_for(lambda: figure(client, in_progress) == 3)  # with that of the figures
            refused = client.post("/v1/score", json=SCORE)
            assert refused.status_code == 503 and refused.headers["Retry-After"] == "1"
            assert client.get("/healthz").status_code == 200
            go_on.set()
            assert [one.result().status_code for one in slow_ones] == [200, 200]
        assert client.post("/v1/score", json=SCORE).status_code == 200
        assert figure(client, "recbole_llm4msr_requests_refused_total") == 1
