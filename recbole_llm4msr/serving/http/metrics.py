"""Figures for Prometheus."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

#: Seconds that divide the answers' times.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Metrics:
    """The figures of one server, in a registry of their own.

    Attributes:
        requests: Answered requests by path and status.
        seconds: Seconds from a request's head to the end of its answer, by path.
        in_progress: Requests that are being answered.
        refused: Requests refused since too many were waiting.
        scores: Scored items.
        swaps: Artefacts that were taken, the first included.
        faults: Artefacts that were refused.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

        def make(kind: type, name: str, text: str, labels: tuple[str, ...] = (), **more):
            return kind(f"recbole_llm4msr_{name}", text, labels, registry=self.registry, **more)

        self.requests = make(Counter, "requests", "Answered requests.", ("path", "status"))
        self.seconds = make(
            Histogram, "request_seconds", "Seconds of a request.", ("path",), buckets=_BUCKETS
        )
        self.in_progress = make(Gauge, "requests_in_progress", "Requests being answered.")
        self.refused = make(Counter, "requests_refused", "Requests refused: too many waited.")
        self.scores = make(Counter, "scores", "Scored items.")
        self.swaps = make(Counter, "artefacts_taken", "Artefacts taken, the first included.")
        self.faults = make(Counter, "artefacts_refused", "Artefacts refused as broken.")
        self._artefact = make(Gauge, "artefact", "1 for the artefact that scores.", ("name",))
        self._taken = make(
            Gauge, "artefact_taken_timestamp_seconds", "When it was taken, in Unix time."
        )

    def take(self, name: str) -> None:
        """Note that an artefact was taken."""
        self._artefact.clear()
        self._artefact.labels(name).set(1)
        self._taken.set_to_current_time()
        self.swaps.inc()

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self.registry)
