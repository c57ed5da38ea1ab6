"""Servers of vectors on this machine that answer wrongly; the key stays where it is."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.reliability.commands import Commands, stored_vectors
from tests.reliability.trials import Trial, discard
from tests.reliability.workplace import (
    BrokenError,
    Workplace,
    check_equal,
    check_nothing_left,
    free_text,
)

KIND = "a server that answers wrongly"

#: A harmless key that is looked for in every file and message.
_KEY = "sk-campaign-0123456789abcdef"

#: A status and a body, or bytes that are sent as they are; made of the right body.
Answer = Callable[[bytes], "tuple[int, bytes] | bytes"]


def _changed(change: Callable[[list], list]) -> Answer:
    def answer(body: bytes) -> tuple[int, bytes]:
        content = json.loads(body)
        vectors = change([entry["embedding"] for entry in content["data"]])
        data = [{"index": at, "embedding": vector} for at, vector in enumerate(vectors)]
        return 200, json.dumps({"data": data}).encode()

    return answer


#: Faults that pass when the request is made again.
PASSING: dict[str, Answer] = {
    "500": lambda body: (500, b"try again"),
    "429": lambda body: (429, b"slowly"),
    "503 that repeats the key": lambda body: (503, _KEY.encode()),
    "cut off in the middle": lambda body: b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n{",
    "first line is not HTTP": lambda body: b"hello\r\n\r\n",
    "nothing at all": lambda body: b"",
    "chunks that break off": lambda body: (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n{"
    ),
}

#: Faults that stay.
LASTING: dict[str, Answer] = {
    "401 that repeats the key": lambda body: (401, b"x" * 190 + _KEY.encode()),
    "redirect to another host": lambda body: (307, b""),
    "not JSON": lambda body: (200, b"<html>" + _KEY.encode()),
    "JSON of another shape": lambda body: (200, b'[{"data": 1}]'),
    "no vectors": lambda body: (200, b'{"data": []}'),
    "too few vectors": _changed(lambda vectors: vectors[:-1]),
    "vectors of zeros": _changed(lambda vectors: [[0.0] * len(v) for v in vectors]),
    "nested vectors": _changed(lambda vectors: [[v] for v in vectors]),
    "NaN": _changed(lambda vectors: [[float("nan")] * len(v) for v in vectors]),
    "infinity": _changed(lambda vectors: [[float("inf")] * len(v) for v in vectors]),
    "widths that differ": _changed(
        lambda vectors: [v[: 2 + at % 2] for at, v in enumerate(vectors)]
    ),
    "texts for numbers": _changed(lambda vectors: [["a"] * len(v) for v in vectors]),
}


class _Server(ThreadingHTTPServer):
    """Answers with vectors; its ``fault`` replaces the answers from number ``first`` on."""

    daemon_threads = True

    def __init__(self, fault: Answer | None = None, first: int = 0, times: int = 1 << 30) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fault, self.faulty = fault, range(first, first + times)
        self.requests, self.lock = 0, threading.Lock()
        self.keys: set[str | None] = set()
        self.elsewhere = ""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        self._answer(b"{}")

    def do_POST(self) -> None:
        prompts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
        vectors = [[len(p), p.count("e"), p.count(" "), 1.0] for p in prompts]
        data = [{"index": at, "embedding": vector} for at, vector in enumerate(vectors)]
        self._answer(json.dumps({"data": data}).encode())

    def _answer(self, body: bytes) -> None:
        with self.server.lock:
            number = self.server.requests
            self.server.requests += 1
            self.server.keys.add(self.headers.get("Authorization"))
        answer: tuple[int, bytes] | bytes = (200, body)
        if self.server.fault is not None and number in self.server.faulty:
            answer = self.server.fault(body)
        if isinstance(answer, bytes):
            self.wfile.write(answer)
            self.close_connection = True
            return
        self.send_response(answer[0])
        self.send_header("Retry-After", "0")
        if self.server.elsewhere:
            self.send_header("Location", self.server.elsewhere)
        self.send_header("Content-Length", str(len(answer[1])))
        self.end_headers()
        self.wfile.write(answer[1])


@contextmanager
def _serving(server: _Server) -> Iterator[str]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def trials(place: Workplace, commands: Commands, count: int) -> Iterator[Trial]:
    expected = cache(lambda: _reference(place, commands))
    faults = {**{name: (fault, True) for name, fault in PASSING.items()},
              **{name: (fault, False) for name, fault in LASTING.items()}}  # fmt: skip
    for name, (fault, passes) in faults.items():
        for number in range(max(1, count // 25)):
            yield Trial(
                KIND,
                name,
                str(number),
                lambda fault=fault, passes=passes, number=number: _trial(
                    place, commands, fault, passes, number, expected()
                ),
            )


def _build(place: Workplace, folder: Path, url: str):
    words = ("knowledge", "build", "--dataset=toy", "--data_path=data", "--knowledge=endpoint",
             "--llm=served", f"--endpoint_url={url}", "--endpoint_batch=4", "--knowledge_size=2",
             "--endpoint_retries=2", "--knowledge_chunk_tokens=300",
             "--endpoint_timeout=20")  # fmt: skip
    return place.run(folder, words, environment={"OPENAI_API_KEY": _KEY})


def _reference(place: Workplace, commands: Commands) -> dict:
    folder = place.folder(commands.data)
    with _serving(_Server()) as url:
        _build(place, folder, url).check_success()
    result = stored_vectors(folder)
    discard(folder)
    return result


def _trial(
    place: Workplace, commands: Commands, fault: Answer, passes: bool, number: int, expected: dict
) -> None:
    folder = place.folder(commands.data)
    faulty = _Server(fault, first=number, times=1) if passes else _Server(fault, first=number)
    other = _Server()
    with _serving(other) as elsewhere, _serving(faulty) as url:
        if not passes:
            faulty.elsewhere = f"{elsewhere}/embeddings"
        done = _build(place, folder, url)
    done.check_message()
    if passes:
        done.check_success()
    else:
        done.check_refused()
        with _serving(_Server()) as url:  # the server is repaired
            repeated = _build(place, folder, url)
        repeated.check_success()
    check_equal(stored_vectors(folder), expected)
    if faulty.keys != {f"Bearer {_KEY}"}:
        raise BrokenError("the server did not get the key")
    if other.requests:
        raise BrokenError(f"another host was asked, with {other.keys}")
    if _KEY in done.output or _KEY[:12] in done.output or _KEY in free_text(folder):
        raise BrokenError("the key is in a message or a file")
    check_nothing_left(folder)
    discard(folder)
