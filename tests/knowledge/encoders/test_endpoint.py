"""Requests to an HTTP server on this machine: answers, failures, redirects and the key."""

import base64
import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch

from recbole_llm4msr.knowledge import KnowledgeError, KnowledgeOptions, prepare_knowledge
from recbole_llm4msr.knowledge.encoders import endpoint_client
from recbole_llm4msr.knowledge.encoders.endpoint import EndpointEncoder

KEY = "sk-very-secret"


def vector_of(text: str) -> np.ndarray:
    return np.array([len(text), text.count("e"), text.count(" "), 1], dtype=np.float32)


class Server(ThreadingHTTPServer):
    """Counts requests; `script` maps the number of a request to a faulty answer."""

    def __init__(self, script=None, base64_answers=True):
        super().__init__(("127.0.0.1", 0), Handler)
        self.script, self.base64_answers = script or {}, base64_answers
        self.requests, self.keys, self.lock = 0, set(), threading.Lock()
        self.at_once = self.most_at_once = 0
        self.barrier = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with server.lock:
            number = server.requests
            server.requests += 1
            server.keys.add(self.headers.get("Authorization"))
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
        if server.barrier is not None:
            server.barrier.wait(timeout=20)
        fault = server.script.get(number, server.script.get("always"))
        vectors = [vector_of(text) for text in body["input"]]
        if callable(fault):
            vectors, fault = fault(vectors), None
        with server.lock:
            server.at_once -= 1
        if fault is not None:
            status, content = fault
            return self.answer(status, content)
        data = [
            {
                "index": at,
                "embedding": base64.b64encode(v.tobytes()).decode()
                if server.base64_answers
                else v.tolist(),
            }
            for at, v in enumerate(vectors)
        ]
        return self.answer(200, json.dumps({"data": data[::-1]}))

    def answer(self, status, content):
        if status == "raw":  # not through http.server: bytes as they are
            self.wfile.write(content)
            self.close_connection = True
            return
        length, content = (99, b"") if content is None else (None, content.encode())
        self.send_response(status)
        if status == 429:
            self.send_header("Retry-After", "0")
        if 300 <= status < 400:
            self.send_header("Location", content.decode())
        self.send_header("Content-Length", str(length or len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def serve():
    servers = []

    def start(*args, **keys):
        server = Server(*args, **keys)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(endpoint_client.time, "sleep", lambda seconds: None)
    monkeypatch.setenv("TEST_KEY", KEY)


def encoder_of(server, **keys):
    keys = {"endpoint_url": server.url, "endpoint_batch": 3, "endpoint_retries": 2, **keys}
    return EndpointEncoder(
        KnowledgeOptions(
            knowledge="endpoint", llm="embedder", endpoint_key_variable="TEST_KEY", **keys
        )
    )


def encode(encoder, prompts=tuple(f"prompt {'e' * n}" for n in range(10))):
    return encoder.encode(list(prompts), lambda *_: None).vectors


WANTED = np.stack([vector_of(f"prompt {'e' * n}") for n in range(10)])


@pytest.mark.parametrize("base64_answers", [True, False])
def test_vectors_come_in_the_prompts_order(serve, base64_answers):
    server = serve(base64_answers=base64_answers)
    np.testing.assert_array_equal(encode(encoder_of(server)), WANTED)
    assert server.requests == 4
    assert server.keys == {f"Bearer {KEY}"}


def test_requests_are_concurrent(serve):
    server = serve()
    server.barrier = threading.Barrier(4)  # nobody is answered before four have asked
    np.testing.assert_array_equal(encode(encoder_of(server, endpoint_concurrency=4)), WANTED)
    assert server.most_at_once == 4


def test_endpoint_knowledge_is_stored_without_the_key(serve, history, settings, tmp_path):
    server = serve()
    keys = {
        "knowledge": "endpoint",
        "llm": "embedder",
        "endpoint_url": server.url,
        "endpoint_key_variable": "TEST_KEY",
        "knowledge_keep_prompts": True,
    }
    one = prepare_knowledge(settings(**keys), history)
    asked = server.requests
    assert asked
    two = prepare_knowledge(settings(**keys), history)
    assert server.requests == asked
    assert torch.equal(one.user, two.user)
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or KEY.encode() not in path.read_bytes()


@pytest.mark.parametrize("fault", [(429, "slow down"), (500, "oops"), (503, "")])
def test_a_temporary_failure_is_retried(serve, fault):
    server = serve({0: fault, 2: fault})
    np.testing.assert_array_equal(encode(encoder_of(server)), WANTED)
    assert server.requests == 6


@pytest.mark.parametrize("status", [429, 500])
def test_a_lasting_failure_is_an_error(serve, status):
    server = serve({"always": (status, "overloaded")})
    with pytest.raises(KnowledgeError, match=rf"3 attempts failed.*HTTP {status} overloaded.*kept"):
        encode(encoder_of(server), ["a"])
    assert server.requests == 3


def test_backoff_grows_and_follows_retry_after(serve, monkeypatch):
    pauses = []
    monkeypatch.setattr(endpoint_client.time, "sleep", pauses.append)
    with pytest.raises(KnowledgeError):
        encode(encoder_of(serve({"always": (500, "")}), endpoint_retries=4), ["a"])
    assert len(pauses) == 4
    assert all(0.5 * 2**n <= p <= 1.5 * 2**n for n, p in enumerate(pauses))
    pauses.clear()
    encode(encoder_of(serve({0: (429, "")})), ["a"])
    assert pauses == [0.0]


@pytest.mark.parametrize(
    ("status", "words"), [(401, "endpoint_key_variable"), (404, "/v1"), (400, "Check llm")]
)
def test_a_refusal_is_not_retried_and_the_key_is_masked(serve, status, words, caplog):
    server = serve({"always": (status, f"no: Bearer {KEY}")})
    with caplog.at_level(logging.DEBUG), pytest.raises(KnowledgeError, match=words) as caught:
        encode(encoder_of(server), ["a"])
    assert server.requests == 1
    assert KEY not in str(caught.value) + caplog.text


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_and_the_key_is_not_sent_on(serve, status):
    other = serve()
    server = serve({"always": (status, f"{other.url}/embeddings?key={KEY}")})
    with pytest.raises(
        KnowledgeError, match=rf"HTTP {status}.*{other.url}.*endpoint_url"
    ) as caught:
        encode(encoder_of(server), ["a"])
    assert (server.requests, other.requests) == (1, 0)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("key", [f"{KEY}\n", f" {KEY}\r\n"])
def test_blanks_around_the_key_are_stripped(serve, key, monkeypatch):
    monkeypatch.setenv("TEST_KEY", key)
    server = serve()
    encode(encoder_of(server), ["a"])
    assert server.keys == {f"Bearer {KEY}"}


@pytest.mark.parametrize("key", [f"{KEY}\nsecond", f"{KEY} second", f"{KEY}\u00e9", f"{KEY}\x7f"])
def test_a_key_that_cannot_be_sent_is_refused_without_printing_it(serve, key, monkeypatch):
    monkeypatch.setenv("TEST_KEY", key)
    server = serve()
    with pytest.raises(KnowledgeError, match="TEST_KEY holds a line break") as caught:
        encoder_of(server)
    assert KEY not in str(caught.value)
    assert server.requests == 0


@pytest.mark.parametrize("before", range(280, 301, 5))
def test_the_key_is_masked_before_the_answer_is_cut(serve, before):
    server = serve({"always": (400, "x" * before + KEY + "y" * 400)})
    with pytest.raises(KnowledgeError) as caught:
        encode(encoder_of(server), ["a"])
    assert KEY[:4] not in str(caught.value)


def test_the_key_is_masked_in_an_answer_of_the_wrong_kind(serve):
    server = serve({"always": (200, json.dumps({"data": [{"embedding": [KEY]}]}))})
    with pytest.raises(KnowledgeError, match="not that of /v1/embeddings") as caught:
        encode(encoder_of(server), ["a"])
    assert KEY not in str(caught.value)


def test_an_answer_that_breaks_off_is_requested_again(serve):
    server = serve({0: (200, None)})
    np.testing.assert_array_equal(encode(encoder_of(server)), WANTED)
    assert server.requests == 5


HALF = b'HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n{"data": [{"index": 0, '
HALF_ERROR = b"HTTP/1.1 503 Busy\r\nContent-Length: 400\r\n\r\nover"


@pytest.mark.parametrize(
    "content", [HALF, HALF_ERROR, b"SSH-2.0-OpenSSH_9.6\r\n", b"", b"\x00\xff"]
)
def test_a_broken_answer_is_requested_again(serve, content):
    server = serve({0: ("raw", content), 2: ("raw", content)})
    np.testing.assert_array_equal(encode(encoder_of(server)), WANTED)
    assert server.requests == 6
    with pytest.raises(KnowledgeError, match="3 attempts failed"):
        encode(encoder_of(serve({"always": ("raw", content)})), ["a"])


def narrow(vectors):
    return [v[:2] for v in vectors]


def ragged(vectors):
    return [v[: 4 - n % 2] for n, v in enumerate(vectors)]


def not_a_number(vectors):
    return [v * np.nan for v in vectors]


def all_zero(vectors):
    return [v * (n > 0) for n, v in enumerate(vectors)]


def of_every_token(vectors):
    return [np.stack([v, v]) for v in vectors]


def one_short(vectors):
    return vectors[:-1]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({1: narrow}, r"numbers; is more than one model"),
        ({"always": ragged}, "different widths"),
        ({"always": not_a_number}, "NaN or infinity"),
        ({"always": all_zero}, "1 of 3 vectors are all zeros"),
        ({"always": one_short}, "2 vectors came back for 3 prompts"),
        ({"always": (200, "<html>")}, "not that of /v1/embeddings"),
        ({"always": (200, '{"data": [{"embedding": "&&"}]}')}, "not that of /v1/embeddings"),
        ({"always": (200, '{"error": "x"}')}, "not that of /v1/embeddings"),
    ],
)
def test_an_invalid_answer_is_an_error(serve, fault, words):
    with pytest.raises(KnowledgeError, match=words):
        encode(encoder_of(serve(fault), endpoint_concurrency=1), ["a", "b", "c", "d", "e", "f"])


def test_a_vector_for_every_token_is_an_error(serve):
    server = serve({"always": of_every_token}, base64_answers=False)
    with pytest.raises(KnowledgeError, match="nested lists"):
        encode(encoder_of(server), ["a", "b"])


def test_an_unreachable_server_is_an_error():
    options = KnowledgeOptions(
        knowledge="endpoint",
        llm="m",
        endpoint_url="http://127.0.0.1:9/v1",
        endpoint_retries=0,
    )
    with pytest.raises(KnowledgeError, match=r"127.0.0.1:9.*1 attempts failed.*--knowledge=lsa"):
        encode(EndpointEncoder(options), ["a"])


def test_an_address_needs_its_scheme():
    with pytest.raises(KnowledgeError, match="http://"):
        EndpointEncoder(
            KnowledgeOptions(knowledge="endpoint", llm="m", endpoint_url="localhost:8000/v1")
        )
