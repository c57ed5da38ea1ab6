"""The command in a process of its own, where torch and RecBole cannot be imported."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import recbole_llm4msr

from .conftest import RECOMMEND, SCORE

ROOT = Path(recbole_llm4msr.__file__).parents[1]

PROGRAM = """
import sys
for name in ("torch", "recbole", "pandas", "transformers"):
    sys.modules[name] = None  # importing it is an error
from recbole_llm4msr.__main__ import main
main(["serve", *sys.argv[1:]])
"""


def start(*arguments: object, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment},
    )


@contextmanager
def serving(*arguments: object, **environment: str) -> Iterator[tuple[subprocess.Popen, int, list]]:
    """A server with an open artefact: the process, its port, and the lines of its log."""
    process = start("--port=0", *arguments, **environment)
    lines: list[str] = []
    try:
        for line in process.stdout:
            lines.append(line)
            if "scores now" in line:
                break
        port = re.search(r"running on http://127\.0\.0\.1:(\d+)", "".join(lines))
        assert port, "".join(lines)
        yield process, int(port[1]), lines
    finally:
        process.kill()
        process.wait()


def post(port: int, path: str, body: object, **headers: str) -> tuple[int, dict]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection.request("POST", path, content, {"Content-Type": "application/json", **headers})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def test_it_scores_without_torch_and_ends_gracefully(star, scorer) -> None:
    with serving("--artefact", star.folder) as (process, port, _):
        status, answer = post(port, "/v1/score", SCORE)
        items = SCORE["candidates"]
        rows = {"user_id": ["u1"] * 3, "item_id": items, "scenario": ["feed"] * 3}
        assert status == 200
        want = scorer.predict(pl.DataFrame(rows))["score"]
        np.testing.assert_allclose(answer["scores"], want, atol=1e-6)
        assert post(port, "/v1/recommend", RECOMMEND)[0] == 200
        # 10 MB: answered, although the client sends all of it before it reads.
        status, answer = post(port, "/v1/score", {**SCORE, "user": "u" * 10_000_000})
        assert status == 413 and answer["errors"][0]["field"] is None
        assert post(port, "/v1/score", b'{"user": NaN}')[0] == 400
        assert post(port, "/v1/score", SCORE)[0] == 200
        # A request that is being sent when the signal comes is answered.
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        body = json.dumps(SCORE).encode()
        connection.putrequest("POST", "/v1/score")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body[:10])
        seen = threading.Event()

        def read_log() -> None:
            for line in process.stdout:
                if "Shutting down" in line:
                    seen.set()

        reader = threading.Thread(target=read_log)
        reader.start()
        post(port, "/v1/score", SCORE)  # by now the beginning of the other has arrived
        process.send_signal(signal.SIGTERM)
        assert seen.wait(30)
        connection.send(body[10:])
        assert connection.getresponse().status == 200
        assert process.wait(30) == 0
        reader.join()


def test_the_token_is_taken_from_the_environment(star) -> None:
    given = ("--artefact", star.folder, "--token-env=SERVE_TOKEN")
    with serving(*given, SERVE_TOKEN="abc") as (_, port, lines):
        assert post(port, "/v1/score", SCORE)[0] == 401
        assert post(port, "/v1/score", SCORE, Authorization="Bearer abc")[0] == 200
        assert "abc" not in "".join(lines)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--artefact=nowhere"], "nowhere: there is no such folder"),
        (["--artefact={empty}"], "this is neither an artefact, with manifest.json, nor"),
        (["--artefact={broken}"], "weights.safetensors is missing"),
        (["--artefact={good}", "--token-env=NOT_SET_HERE"], "NOT_SET_HERE is not set"),
        (["--artefact={good}", "--on-unknown=x"], "'x' is neither error nor score"),
    ],
    ids=["nowhere", "empty", "broken", "token", "on-unknown"],
)
def test_what_is_wrong_at_the_start_is_one_line(star, altered, tmp_path, arguments, message):
    (altered / "weights.safetensors").unlink()
    (tmp_path / "empty").mkdir()
    folders = {"empty": tmp_path / "empty", "broken": altered, "good": star.folder}
    process = start("--port=0", *(argument.format(**folders) for argument in arguments))
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1 and "Traceback" not in output
    last = output.splitlines()[-1]
    assert last.startswith("error: ") and message in last
