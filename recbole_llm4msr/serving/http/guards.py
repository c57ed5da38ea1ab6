"""Checks before the body of a request is read: metrics, bearer token, size of the body."""

from __future__ import annotations

import hmac
from time import perf_counter

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recbole_llm4msr.serving.http.faults import fault_response
from recbole_llm4msr.serving.http.metrics import Metrics

#: Routes that need no token: probes, and the description of the interface.
OPEN = frozenset({"/healthz", "/readyz", "/docs", "/openapi.json"})


class CountRequests:
    """Counts requests and their seconds.

    Args:
        app: The application behind it.
        metrics: Where they are counted.
        paths: Paths of the application's routes; any other path is counted as ``other``.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, paths: frozenset[str]) -> None:
        self.app, self.metrics, self.paths = app, metrics, paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and count it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"] if scope["path"] in self.paths else "other"
        status = 500  # an error that nothing answered

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        start = perf_counter()
        try:
            with self.metrics.in_progress.track_inprogress():
                await self.app(scope, receive, noted)
        finally:
            self.metrics.requests.labels(path, status).inc()
            self.metrics.seconds.labels(path).observe(perf_counter() - start)


class RequireToken:
    """Refuses requests without the bearer token, all routes but those of :data:`OPEN`.

    Args:
        app: The application behind it.
        token: The token.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app, self.token = app, token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 401."""
        if scope["type"] != "http" or scope["path"] in OPEN or self._is_given(scope):
            await self.app(scope, receive, send)
            return
        message = "send the header Authorization: Bearer TOKEN with the server's token"
        response = fault_response(401, None, message, {"WWW-Authenticate": "Bearer"})
        await response(scope, receive, send)

    def _is_given(self, scope: Scope) -> bool:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        scheme, _, token = (given[0] if len(given) == 1 else b"").partition(b" ")
        # In constant time: the time of a refusal does not tell how much of the token is right.
        return hmac.compare_digest(token.strip(), self.token) and scheme.lower() == b"bearer"


class LimitBody:
    """Refuses a body that is too large: by its announced length, or when that many bytes came.

    Args:
        app: The application behind it.
        limit: Largest body in bytes.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app, self.limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 413."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        message = f"the body is larger than {self.limit:,} bytes"
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length[:20]) > self.limit:
            await fault_response(413, None, message)(scope, receive, send)
            return
        received = 0

        async def limited() -> Message:
            nonlocal received
            part = await receive()
            received += len(part.get("body", b""))
            if received > self.limit:
                raise HTTPException(413, message)
            return part

        await self.app(scope, limited, send)
