"""Reads the body of a request as JSON in the strict sense of RFC 8259."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException


class StrictJsonRoute(APIRoute):
    """A route that takes ``application/json`` only.

    Python's reader also takes ``NaN`` and ``Infinity``, which are not JSON, and the last of two
    values for one key.
    """

    def get_route_handler(self) -> Callable:
        """The handler of the route, with the strict reader."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Any:
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json":
                raise HTTPException(415, "send the header Content-Type: application/json")
            return await handler(_StrictJsonRequest(request.scope, request.receive))

        return handle


class _StrictJsonRequest(Request):
    async def json(self) -> Any:
        return parse(await self.body())


def parse(body: bytes) -> Any:
    """Parse JSON.

    Raises:
        json.JSONDecodeError: It is not JSON, has a key twice, or is nested too deeply.
    """
    try:
        return json.loads(body.decode(), parse_constant=_refuse, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise _error(f"{error.msg}, at character {error.pos}") from error
    except UnicodeDecodeError as error:
        raise _error(f"not UTF-8, at byte {error.start}") from error
    except RecursionError as error:
        raise _error("nested too deeply") from error
    except _NotJsonError as error:
        raise _error(str(error)) from error
    except ValueError as error:  # Python's bound on the digits of an integer
        raise _error("a number is too long") from error


class _NotJsonError(ValueError):
    pass


def _error(message: str) -> json.JSONDecodeError:
    return json.JSONDecodeError(message, "", 0)


def _refuse(constant: str) -> Any:
    raise _NotJsonError(f"{constant} is not a number in JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        shown = twice[:80].encode("utf-8", "replace").decode()
        raise _NotJsonError(f"the key {shown!r} is there twice")
    return found
