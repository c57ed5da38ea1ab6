"""Errors as JSON that names the field: what a request did wrong, and nothing of the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from recbole_llm4msr.serving.errors import InputError
from recbole_llm4msr.serving.http.schemas import Faults

#: Most faults of a response.
_MOST = 20
#: Most characters of a field's name in a response: it may be one that the client made up.
_LONGEST_NAME = 80

#: What the routes may answer beside 200, for the OpenAPI page.
RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": Faults, "description": text}
    for status, text in {
        400: "the body is not JSON",
        413: "the body is too large",
        415: "the body is not of type application/json",
        422: "a field is wrong",
        503: "no artefact is loaded yet, or too many requests wait",
    }.items()
}


class RequestError(Exception):
    """A request that cannot be answered.

    Args:
        field: Name of the field, as in ``candidates.3``; ``None`` where it is not one field.
        message: What is wrong.
    """

    def __init__(self, field: str | None, message: str) -> None:
        super().__init__(message)
        self.field, self.message = field, message


@contextmanager
def in_field(field: str | None, *, of_many: bool = False) -> Iterator[None]:
    """Turn an error of the rows into one of a field; ``of_many`` where it has a value a row."""
    try:
        yield
    except InputError as error:
        if of_many and error.row is not None:
            field = f"{field}.{error.row - 1}"
        raise RequestError(field, error.what) from error


def fault_response(
    status: int, field: str | None, message: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    """A response with one fault."""
    return JSONResponse(
        {"errors": [{"field": field, "message": message}]}, status, dict(headers or {})
    )


def add_fault_handlers(app: FastAPI) -> None:
    """Answer every error of an application by :class:`Faults`."""
    handlers: dict[type[Exception], Callable] = {
        RequestError: lambda _, error: fault_response(422, error.field, error.message),
        RequestValidationError: _invalid,
        HTTPException: lambda _, error: fault_response(
            error.status_code, None, str(error.detail), error.headers
        ),
        Exception: lambda *_: fault_response(
            500, None, "the server failed; its log says more about it"
        ),
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, _asynchronous(handler))


def _asynchronous(handler: Callable) -> Callable:
    async def handle(request: Request, error: Exception) -> JSONResponse:  # not in a thread
        return handler(request, error)

    return handle


def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
    faults = list(error.errors())
    if faults and faults[0]["type"] == "json_invalid":
        return fault_response(400, None, f"the body is not JSON: {faults[0]['ctx']['error']}")
    named = [{"field": _name(fault["loc"]), "message": _message(fault)} for fault in faults]
    return JSONResponse({"errors": named[:_MOST]}, 422)


def _message(fault: dict[str, Any]) -> str:
    if fault["type"] == "extra_forbidden":
        return "there is no such field"
    return fault["msg"]


def _name(place: tuple[str | int, ...]) -> str | None:
    """Name of a field; ``body`` in front of it says nothing."""
    name = ".".join(map(str, place[1:])).encode("utf-8", "replace").decode()
    if len(name) > _LONGEST_NAME:
        name = f"{name[:_LONGEST_NAME]}... ({len(name):,} characters)"
    return name or None
