"""Load the command ``serve`` on this machine: one user and many candidates, 1 to 32 clients.

Run by hand, with an exported model::

    python benchmarks/serve_load.py --artefact=exported

The server is a process of its own, and so are the clients: threads that each keep a connection and
send the next request when the last was answered. Requests are made before the clock starts. Every
combination ends after ``--requests`` requests or ``--seconds`` seconds.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import numpy as np
import polars as pl

HEADERS = {"Content-Type": "application/json"}
#: Different requests of a combination, used again and again.
BODIES = 200
WARM_UP = 200
_PORT = re.compile(r"running on http://127\.0\.0\.1:(\d+)")


@contextmanager
def server(artefact: Path, threads: int) -> Iterator[int]:
    """A running server; its port."""
    command = [sys.executable, "-m", "recbole_llm4msr", "serve", f"--artefact={artefact}"]
    process = subprocess.Popen(
        [*command, "--port=0", f"--threads={threads}"], stderr=subprocess.PIPE, text=True
    )
    try:
        port = None
        for line in process.stderr:
            found = _PORT.search(line)
            port = int(found[1]) if found else port
            if "scores now" in line:
                break
        if port is None:
            raise RuntimeError("the server did not start")
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield port
    finally:
        process.terminate()
        process.wait()


def make_bodies(artefact: Path, n: int, port: int) -> list[bytes]:
    """Requests of random users and candidates; the answers to some are compared with Scorer."""
    from recbole_llm4msr.serving import Scorer

    scorer = Scorer.load(artefact)
    names = scorer.artefact
    users = names.vocabularies[names.user_field].tokens
    items = names.vocabularies[names.item_field].tokens
    rng = np.random.default_rng(n)
    bodies = []
    for number in range(BODIES):
        request = {
            "user": users[int(rng.integers(len(users)))],
            "candidates": items.gather(rng.integers(0, len(items), n)).to_list(),
        }
        if names.scenario_field is not None:
            request["scenario"] = names.scenarios[int(rng.integers(len(names.scenarios)))]
        bodies.append(json.dumps(request).encode())
        if number < 10:
            rows = pl.DataFrame({names.item_field: request["candidates"]}).with_columns(
                pl.lit(request["user"]).alias(names.user_field),
                pl.lit(request.get("scenario")).alias(names.scenario_field or "_"),
            )
            expected = scorer.predict(rows)["score"].to_numpy()
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.request("POST", "/v1/score", bodies[-1], HEADERS)
            scores = json.loads(connection.getresponse().read())["scores"]
            assert np.abs(np.array(scores) - expected).max() <= 1e-6
            connection.close()
    return bodies


@dataclass
class Load:
    """What the clients of one combination saw."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    errors: int = 0


def load(port: int, bodies: list[bytes], clients: int, requests: int, seconds: float) -> Load:
    """Send requests by a number of clients at once."""
    numbers: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in range(requests):
        numbers.put(number)
    seen = Load()
    start = perf_counter()

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while perf_counter() - start < seconds:
            try:
                body = bodies[numbers.get_nowait() % len(bodies)]
            except queue.Empty:
                break
            sent = perf_counter()
            try:
                connection.request("POST", "/v1/score", body, HEADERS)
                response = connection.getresponse()
                response.read()
                ok = response.status == 200
            except (OSError, http.client.HTTPException):
                connection.close()
                ok = False
            if ok:
                seen.latencies.append(perf_counter() - sent)
            else:
                seen.errors += 1
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen.seconds = perf_counter() - start
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--artefact", type=Path, required=True)
    parser.add_argument("--candidates", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32])
    parser.add_argument("--requests", type=int, default=10_000, help="Requests a combination.")
    parser.add_argument("--seconds", type=float, default=60, help="Longest time of one.")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="Of the server.")
    options = parser.parse_args()
    print("| candidates | clients | requests | errors | requests/s | p50 | p95 | p99 | largest |")
    print("|---|---|---|---|---|---|---|---|---|")
    with server(options.artefact, options.threads) as port:
        for n in options.candidates:
            bodies = make_bodies(options.artefact, n, port)
            load(port, bodies, 2, WARM_UP, options.seconds)
            for clients in options.clients:
                seen = load(port, bodies, clients, options.requests, options.seconds)
                times = np.array(seen.latencies) * 1e3
                shown = [f"{t:.1f} ms" for t in (*np.percentile(times, [50, 95, 99]), times.max())]
                rate = f"{len(times) / seen.seconds:,.0f}"
                cells = [f"{n:,}", clients, f"{len(times):,}", seen.errors, rate, *shown]
                print(f"| {' | '.join(map(str, cells))} |", flush=True)


if __name__ == "__main__":
    main()
