"""Servers of exported models of the toy data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from fastapi.testclient import TestClient

from recbole_llm4msr.serving.http.app import Options, create_app
from recbole_llm4msr.serving.http.metrics import Metrics
from recbole_llm4msr.serving.http.swapping import ArtefactSource, Swapper

SCORE = {"user": "u1", "scenario": "feed", "candidates": ["i3", "i1", "i3"]}
RECOMMEND = {"user": "u1", "scenario": "feed", "k": 3}
#: A valid request of each route.
VALID = {"/v1/score": SCORE, "/v1/recommend": RECOMMEND}


def wait_for(condition: Callable[[], Any]) -> Any:
    """Wait until a condition holds; fail after 30 s."""
    end = monotonic() + 30
    while not (value := condition()):
        assert monotonic() < end, "it did not happen in 30 s"
        sleep(0.01)
    return value


@contextmanager
def served(folder: Path, interval: float = 0.02, **options: Any) -> Iterator[TestClient]:
    """A server of a folder whose artefact is open."""
    swapper = Swapper(ArtefactSource(folder), Metrics(), interval=interval)
    app = create_app(swapper, Options(**{"threads": 2, **options}))
    with TestClient(app, raise_server_exceptions=False) as client:
        wait_for(lambda: swapper.current or swapper.failure)
        yield client


@pytest.fixture(scope="session")
def client(star) -> Iterator[TestClient]:
    with served(star.folder) as client:
        yield client


def figure(client: TestClient, line: str) -> float:
    """A figure of ``/metrics``, by the start of its line; 0 where it is not there."""
    lines = client.get("/metrics").text.splitlines()
    return next((float(row.split()[-1]) for row in lines if row.startswith(f"{line} ")), 0.0)
