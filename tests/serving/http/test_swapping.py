"""Artefacts that take the place of another one while requests are answered; broken ones."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recbole_llm4msr.serving import ArtefactError, Scorer
from recbole_llm4msr.serving.http.app import Options, create_app
from recbole_llm4msr.serving.http.metrics import Metrics
from recbole_llm4msr.serving.http.swapping import ArtefactSource, Swapper

from .conftest import SCORE, figure, served, wait_for


def point_to(folder: Path, name: object) -> None:
    new = folder / "current.new"
    new.write_text(json.dumps({"artefact": name}))
    new.rename(folder / "current.json")


@pytest.fixture(scope="module")
def other(export_toy) -> Path:
    return export_toy("SharedBottom", own_graphs=8).folder


@pytest.fixture
def shelf(star, other, tmp_path) -> Path:
    """A folder with two artefacts, the first in use."""
    shutil.copytree(star.folder, tmp_path / "shelf" / "one")
    shutil.copytree(other, tmp_path / "shelf" / "two")
    point_to(tmp_path / "shelf", "one")
    return tmp_path / "shelf"


def scores_of(folder: Path) -> np.ndarray:
    items = SCORE["candidates"]
    rows = {"user_id": ["u1"] * len(items), "item_id": items, "scenario": ["feed"] * len(items)}
    return Scorer.load(folder).predict(pl.DataFrame(rows))["score"].to_numpy()


def current(client) -> str:
    return client.get("/readyz").json()["artefact"]


def test_artefacts_are_swapped_under_requests_without_an_error(shelf) -> None:
    want = {name: scores_of(shelf / name) for name in ("one", "two")}
    assert np.abs(want["one"] - want["two"]).max() > 1e-4
    stop, answers = threading.Event(), []

    def ask(client) -> None:
        while not stop.is_set():
            answers.append(client.post("/v1/score", json=SCORE))

    with served(shelf, interval=0.01) as client:
        threads = [threading.Thread(target=ask, args=(client,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for name in ("two", "one", "two", "one", "two"):
                point_to(shelf, name)
                wait_for(lambda name=name: current(client) == name)
                before = len(answers)
                wait_for(lambda before=before: len(answers) > before + 20)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert figure(client, "recbole_llm4msr_artefacts_taken_total") == 6
        assert figure(client, 'recbole_llm4msr_artefact{name="two"}') == 1
        assert figure(client, 'recbole_llm4msr_artefact{name="one"}') == 0
    assert {answer.status_code for answer in answers} == {200}
    used = {answer.json()["artefact"] for answer in answers}
    assert used == {"one", "two"}
    for answer in answers:
        np.testing.assert_allclose(
            answer.json()["scores"], want[answer.json()["artefact"]], atol=1e-6
        )


def test_the_folder_of_an_old_artefact_may_be_deleted(shelf) -> None:
    with served(shelf) as client:
        shutil.rmtree(shelf / "one")
        answer = client.post("/v1/recommend", json={"user": "u2", "scenario": "mail", "k": 2,
                                                    "exclude_seen": True})  # fmt: skip
        assert answer.status_code == 200 and len(answer.json()["items"]) == 2


def truncate(folder: Path) -> None:
    file = folder / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:-10])


def alter(folder: Path) -> None:
    file = folder / "weights.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def make_newer(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "format_version": 99}))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (truncate, "weights.safetensors has"),
        (alter, "weights.safetensors does not match its checksum"),
        (make_newer, "has format 99"),
        (lambda folder: (folder / "scorer.onnx").unlink(), "scorer.onnx is missing"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "not JSON"),
        (shutil.rmtree, "there is no such folder"),
    ],
    ids=["truncated", "altered", "newer", "incomplete", "manifest", "missing"],
)
def test_a_broken_artefact_is_refused_and_the_old_goes_on(shelf, caplog, spoil, message) -> None:
    shutil.copytree(shelf / "two", shelf / "whole")
    with served(shelf) as client:
        before = client.post("/v1/score", json=SCORE).json()
        spoil(shelf / "two")
        point_to(shelf, "two")
        refused = "recbole_llm4msr_artefacts_refused_total"
        wait_for(lambda: figure(client, refused) == 1)
        assert client.post("/v1/score", json=SCORE).json() == before
        assert current(client) == "one"
        log = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
        assert len(log) == 1 and message in log[0] and log[0].endswith("; one goes on")
        shutil.rmtree(shelf / "two", ignore_errors=True)  # a repaired one is taken
        (shelf / "whole").rename(shelf / "two")
        wait_for(lambda: current(client) == "two")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "this is not JSON"),
        ("[" * 60_000, "this is not JSON"),
        ("[]", "and nothing else"),
        ('{"artefact": 3}', "and nothing else"),
        ('{"artefact": "two", "more": 1}', "and nothing else"),
        ('{"artefact": "../shelf/two"}', "is not the name of a folder beside it"),
        ('{"artefact": "/etc"}', "is not the name of a folder beside it"),
        ('{"artefact": ".."}', "is not the name of a folder beside it"),
        ('{"artefact": ""}', "is not the name of a folder beside it"),
        ('{"artefact": "a\\u0000"}', "is not the name of a folder beside it"),
        (None, "neither an artefact"),
    ],
)
def test_a_wrong_pointer_is_refused_and_the_old_goes_on(shelf, content, message) -> None:
    with served(shelf) as client:
        if content is None:
            (shelf / "current.json").unlink()
        else:
            (shelf / "current.json").write_text(content)
        wait_for(lambda: figure(client, "recbole_llm4msr_artefacts_refused_total"))
        assert client.post("/v1/score", json=SCORE).json()["artefact"] == "one"
    with pytest.raises(ArtefactError, match=message):
        ArtefactSource(shelf).locate()


def test_an_artefact_with_a_pointer_in_it_is_refused(altered) -> None:
    point_to(altered, "one")
    with pytest.raises(ArtefactError, match="this is an artefact, and it has a current.json"):
        ArtefactSource(altered).locate()


def test_it_is_ready_when_the_first_artefact_is_open(shelf, monkeypatch) -> None:
    go_on, load = threading.Event(), Scorer.load

    def slow(folder):
        assert go_on.wait(30)
        return load(folder)

    monkeypatch.setattr(Scorer, "load", slow)
    from fastapi.testclient import TestClient

    swapper = Swapper(ArtefactSource(shelf), Metrics(), interval=0.01)
    with TestClient(create_app(swapper, Options())) as client:
        assert client.get("/healthz").status_code == 200
        for answer in (client.get("/readyz"), client.post("/v1/score", json=SCORE)):
            assert answer.status_code == 503 and answer.headers["Retry-After"] == "1"
            assert answer.json()["errors"][0]["message"] == "no artefact is loaded yet"
        go_on.set()
        wait_for(lambda: client.get("/readyz").status_code == 200)
        assert client.post("/v1/score", json=SCORE).status_code == 200


def test_without_any_good_artefact_it_says_why(shelf) -> None:
    truncate(shelf / "one")
    ended = threading.Event()
    swapper = Swapper(ArtefactSource(shelf), Metrics(), on_first_failure=ended.set)
    swapper.start()
    assert ended.wait(30) and swapper.current is None
    assert "weights.safetensors has" in swapper.failure
    swapper.stop()


def test_an_artefact_that_changes_while_it_is_read_is_read_again(shelf, monkeypatch) -> None:
    load, loads = Scorer.load, []

    def changing(folder):
        loads.append(folder.name)
        if len(loads) == 1:
            point_to(shelf, "two")
        return load(folder)

    monkeypatch.setattr(Scorer, "load", changing)
    swapper = Swapper(ArtefactSource(shelf), Metrics())
    swapper.look()
    assert swapper.current is None
    swapper.look()
    swapper.look()
    assert swapper.current.name == "two" and loads == ["one", "two"]
