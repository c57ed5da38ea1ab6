"""Runs the application in uvicorn until a signal ends it."""

from __future__ import annotations

import copy
import ipaddress
import logging
import os
import signal
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.config import LOGGING_CONFIG

from recbole_llm4msr.serving.errors import ArtefactError
from recbole_llm4msr.serving.http.app import Options, create_app
from recbole_llm4msr.serving.http.metrics import Metrics
from recbole_llm4msr.serving.http.swapping import ArtefactSource, Swapper

#: Seconds that requests in progress get to end after a signal.
GRACE = 30

log = logging.getLogger(__name__)


def read_token(variable: str | None) -> str | None:
    """Return the bearer token from an environment variable; ``None`` where none is named.

    Raises:
        ValueError: The variable is not set, or holds what cannot be sent in a header.
    """
    if variable is None:
        return None
    token = os.environ.get(variable, "")
    if not token:
        raise ValueError(f"--token-env: the environment variable {variable} is not set")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError(
            f"--token-env: {variable} holds a blank or a character that a header cannot; "
            "use ASCII letters, digits and signs"
        )
    return token


def serve(artefact: Path, host: str, port: int, options: Options) -> None:
    """Answer requests until SIGTERM or SIGINT; those in progress are answered.

    Args:
        artefact: An artefact, or a folder with ``current.json`` beside artefacts.
        host: Address to bind to.
        port: Port; 0 for a free one, which the log names.
        options: How requests are answered.

    Raises:
        ArtefactError: There is no artefact that can be used.
    """
    source = ArtefactSource(artefact)
    source.locate()  # a mistyped folder is named before anything starts
    config = uvicorn.Config(
        "",
        host=host,
        port=port,
        log_config=_log_config(),
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="on",
        timeout_graceful_shutdown=GRACE,
    )
    server = uvicorn.Server(config)

    def end() -> None:
        server.should_exit = True

    swapper = Swapper(source, Metrics(), on_first_failure=end)
    config.app = create_app(swapper, options)
    if options.token is None and not _is_loopback(host):
        log.warning("%s can be reached from other machines, and no token is asked for", host)
    # uvicorn raises the signal again after the end; SIGTERM is the usual end and not a failure.
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        server.run()
    finally:
        signal.signal(signal.SIGTERM, before)
    if swapper.current is None and swapper.failure is not None:
        raise ArtefactError(swapper.failure)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _log_config() -> dict[str, Any]:
    """Uvicorn's log with times, and this package's lines in it."""
    config = copy.deepcopy(LOGGING_CONFIG)
    config["formatters"]["default"]["fmt"] = "%(asctime)s %(levelprefix)s %(message)s"
    own = {"handlers": ["default"], "level": "INFO", "propagate": False}
    config["loggers"]["recbole_llm4msr"] = own
    return config
