"""The application: its routes, and the pool of threads that score."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import APIRouter, Depends, FastAPI
from fastapi.security import HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.responses import Response

from recbole_llm4msr.serving.http import answers
from recbole_llm4msr.serving.http.faults import RESPONSES, add_fault_handlers
from recbole_llm4msr.serving.http.guards import OPEN, CountRequests, LimitBody, RequireToken
from recbole_llm4msr.serving.http.json_body import StrictJsonRoute
from recbole_llm4msr.serving.http.metrics import Metrics
from recbole_llm4msr.serving.http.schemas import (
    RecommendRequest,
    RecommendResponse,
    ScoreRequest,
    ScoreResponse,
    Status,
)
from recbole_llm4msr.serving.http.swapping import Swapper
from recbole_llm4msr.serving.rows import OnUnknown
from recbole_llm4msr.util.requirement import installed_version

#: Paths whose requests are counted by path.
PATHS = OPEN | {"/v1/score", "/v1/recommend", "/metrics"}

_NOT_YET = "no artefact is loaded yet"
_AGAIN = {"Retry-After": "1"}


@dataclass(frozen=True)
class Options:
    """How requests are answered.

    Attributes:
        on_unknown: ``error``, or ``score`` to score unknown users and items as such.
        threads: Threads that score, a request each.
        max_waiting: Requests that wait for a thread or have one; another one is refused.
        max_body: Largest body in bytes.
        token: Bearer token that requests need; ``None`` for none.
    """

    on_unknown: OnUnknown = "error"
    threads: int = 1
    max_waiting: int = 256
    max_body: int = 4 << 20
    token: str | None = None


class ScoringPool:
    """A bounded number of threads, and of requests that wait for them.

    Args:
        swapper: Where the artefact is.
        options: How requests are answered.
        metrics: Where refused requests and scores are counted.
    """

    def __init__(self, swapper: Swapper, options: Options, metrics: Metrics) -> None:
        self.swapper, self.options, self.metrics = swapper, options, metrics
        self._threads = ThreadPoolExecutor(options.threads, thread_name_prefix="scoring")
        self._taken = 0

    async def answer(self, function: Callable[..., bytes], request: object) -> Response:
        """Answer a request by a function of :mod:`answers`, with the artefact of this moment.

        Raises:
            HTTPException: There is no artefact yet, or too many requests wait (503).
        """
        served = self.swapper.current
        if served is None:
            raise HTTPException(503, _NOT_YET, _AGAIN)
        if self._taken >= self.options.max_waiting:
            self.metrics.refused.inc()
            raise HTTPException(503, "too many requests are waiting", _AGAIN)
        self._taken += 1
        try:
            body = await asyncio.get_running_loop().run_in_executor(
                self._threads, function, served, request, self.options.on_unknown
            )
        finally:
            self._taken -= 1
        return Response(body, media_type="application/json")

    def close(self) -> None:
        """Wait for the requests in progress and end the threads."""
        self._threads.shutdown()


def create_app(swapper: Swapper, options: Options) -> FastAPI:
    """Make the application; the artefact is opened when it starts.

    Args:
        swapper: Where the artefact is.
        options: How requests are answered.
    """
    metrics = swapper.metrics
    pool = ScoringPool(swapper, options, metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        swapper.start()
        try:
            yield
        finally:
            await asyncio.to_thread(swapper.stop)
            await asyncio.to_thread(pool.close)

    version = installed_version("recbole_llm4msr") or "unknown"
    app = FastAPI(title="recbole_llm4msr", version=version, lifespan=lifespan, redoc_url=None)
    add_fault_handlers(app)
    # The token is checked by RequireToken, before a body is read; this tells the OpenAPI page.
    secured = [Depends(HTTPBearer(auto_error=False))] if options.token else []
    app.include_router(_scoring(pool), dependencies=secured)
    app.include_router(_probes(swapper))
    app.include_router(_figures(metrics), dependencies=secured)

    app.add_middleware(LimitBody, limit=options.max_body)
    if options.token:
        app.add_middleware(RequireToken, token=options.token)
    app.add_middleware(CountRequests, metrics=metrics, paths=PATHS)  # the last is the outermost
    return app


def _scoring(pool: ScoringPool) -> APIRouter:
    router = APIRouter(prefix="/v1", route_class=StrictJsonRoute, responses=RESPONSES)

    @router.post("/score", response_model=ScoreResponse)
    async def score(request: ScoreRequest) -> Response:
        """Score items for one user in one scenario."""
        response = await pool.answer(answers.score, request)
        pool.metrics.scores.inc(len(request.candidates))
        return response

    @router.post("/recommend", response_model=RecommendResponse)
    async def recommend(request: RecommendRequest) -> Response:
        """Find the items of highest probability for one user in one scenario."""
        return await pool.answer(answers.recommend, request)

    return router


def _probes(swapper: Swapper) -> APIRouter:
    router = APIRouter()

    @router.get("/healthz", response_model_exclude_none=True)
    async def healthz() -> Status:
        """Whether the process answers."""
        return Status(status="ok")

    @router.get("/readyz", responses={503: RESPONSES[503]})
    async def readyz() -> Status:
        """Whether an artefact is open."""
        if swapper.current is None:
            raise HTTPException(503, _NOT_YET, _AGAIN)
        return Status(status="ready", artefact=swapper.current.name)

    return router


def _figures(metrics: Metrics) -> APIRouter:
    router = APIRouter()

    @router.get("/metrics", response_class=Response)
    async def figures() -> Response:
        """Figures for Prometheus."""
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return router
