"""HTTP requests to ``/v1/embeddings``: key, retries, refused redirects, answers as vectors.

The standard library's client is enough here: one request, no session, and an HTTP library would
be one more requirement.
"""

from __future__ import annotations

import base64
import binascii
import http.client
import json
import logging
import os
import random
import time
import urllib.error
import urllib.request
from typing import Any

import numpy as np

from recbole_llm4msr.knowledge.options import KnowledgeError, KnowledgeOptions

RETRIED = (408, 409, 425, 429, 500, 502, 503, 504)  # temporary failures of a server
LONGEST_WAIT = 60.0  # seconds between two attempts
SHOWN_CHARACTERS = 300  # of a server's answer in a message
logger = logging.getLogger(__name__)


class _RefuseRedirects(urllib.request.HTTPRedirectHandler):
    """Raise the 3xx answer as an error: urllib would send the key on to another host."""

    def redirect_request(self, *_: Any) -> None:
        return None


class EndpointClient:
    """Requests vectors from a server that speaks OpenAI's ``/v1/embeddings``.

    The key comes from the environment variable ``endpoint_key_variable``. It is sent to the
    address of ``endpoint_url`` alone, is never stored, and is masked in every message.

    Args:
        options: ``llm`` and the keys ``endpoint_*``.

    Raises:
        KnowledgeError: The address has no scheme, or the key holds a character that cannot be
            sent in a header.
    """

    def __init__(self, options: KnowledgeOptions) -> None:
        self.options = options
        self.address = str(options.endpoint_url).rstrip("/") + "/embeddings"
        if not self.address.startswith(("http://", "https://")):
            raise KnowledgeError(
                f"endpoint_url: {options.endpoint_url} must begin with http:// or https://"
            )
        self._key = os.environ.get(options.endpoint_key_variable, "").strip()
        if not all("!" <= character <= "~" for character in self._key):
            raise KnowledgeError(
                f"endpoint_key_variable: the key in {options.endpoint_key_variable} holds a line "
                "break, a blank or another character that is not valid in a key; set the variable "
                "to the key alone"
            )
        self._opener = urllib.request.build_opener(_RefuseRedirects)

    def embed(self, prompts: list[str]) -> np.ndarray:
        """Request the vectors of prompts, float32 of shape (n, d); retry temporary failures.

        Raises:
            KnowledgeError: The server refuses or redirects the request, all attempts fail, or the
                answer is not valid.
        """
        body = {"model": self.options.llm, "input": prompts, "encoding_format": "base64"}
        request = urllib.request.Request(
            self.address,
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"}
            | ({"Authorization": f"Bearer {self._key}"} if self._key else {}),
        )
        attempts = self.options.endpoint_retries + 1
        for attempt in range(attempts):
            retry_after = None
            try:
                with self._opener.open(request, timeout=self.options.endpoint_timeout) as answer:
                    content = answer.read()
                return self._vectors(content, len(prompts))
            except urllib.error.HTTPError as error:
                if 300 <= error.code < 400:
                    raise self._redirected(error) from None
                failure = f"HTTP {error.code} {self._excerpt(_body(error))}"
                if error.code not in RETRIED:
                    hint = _hint(error.code)
                    raise KnowledgeError(f"{self.address}: {failure}. {hint}") from None
                retry_after = _retry_after(error.headers.get("Retry-After"))
            except (OSError, http.client.HTTPException) as error:  # URLError, timeouts, cut answers
                failure = self._excerpt(str(getattr(error, "reason", error)).encode())
            if attempt + 1 < attempts:
                backoff = 2.0**attempt * (0.5 + random.random())
                wait = min(backoff if retry_after is None else retry_after, LONGEST_WAIT)
                logger.info("%s: %s; next attempt in %.1f s", self.address, failure, wait)
                time.sleep(wait)
        raise KnowledgeError(
            f"{self.address}: {attempts} attempts failed, the last with: {failure}. Finished "
            "chunks are kept: run the same command again when the server answers, with a smaller "
            "endpoint_concurrency if it is overloaded, or use --knowledge=lsa"
        )

    def _redirected(self, error: urllib.error.HTTPError) -> KnowledgeError:
        target = self._excerpt(str(error.headers.get("Location")).encode())
        return KnowledgeError(
            f"{self.address}: HTTP {error.code}, the server redirects to {target}. Redirects are "
            "not followed, since the key would be sent there; set endpoint_url to the address "
            "that answers"
        )

    def _vectors(self, content: bytes, count: int) -> np.ndarray:
        """Read the vectors of an answer: base64 or lists, in any order."""
        try:
            entries = json.loads(content)["data"]
            rows = [entry.get("index", number) for number, entry in enumerate(entries)]
            vectors = [_vector(entry["embedding"]) for entry in entries]
        except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
            fault = f"{type(error).__name__}: {error}"
            raise KnowledgeError(
                f"{self.address}: the answer is not that of /v1/embeddings, "
                f"{self._excerpt(fault.encode())}: {self._excerpt(content)}"
            ) from None
        if sorted(rows) != list(range(count)):
            raise KnowledgeError(
                f"{self.address}: {len(entries)} vectors came back for {count} prompts"
            )
        if any(vector.ndim != 1 for vector in vectors):
            raise KnowledgeError(
                f"{self.address}: the answer holds nested lists, as of a vector for every token; "
                "switch pooling on at the server, or serve an embedding model"
            )
        widths = sorted({len(vector) for vector in vectors})
        if len(widths) != 1 or not widths[0]:
            raise KnowledgeError(
                f"{self.address}: vectors of different widths in one answer: {widths}"
            )
        result = np.empty((count, widths[0]), dtype=np.float32)
        result[rows] = vectors
        if not np.isfinite(result).all():
            raise KnowledgeError(
                f"{self.address}: the answer holds NaN or infinity; none of it is stored. "
                "Serve the model in bfloat16 or float32"
            )
        zeros = int((~result.any(axis=1)).sum())
        if zeros:
            raise KnowledgeError(
                f"{self.address}: {zeros} of {count} vectors are all zeros, which say nothing of "
                "their prompts; none of the answer is stored. Check llm, and that the server has "
                "loaded an embedding model"
            )
        return result

    def _excerpt(self, content: bytes) -> str:
        """Return the start of a server's text for a message; the key is masked before the cut."""
        text = content.decode("utf-8", "replace").replace("\n", " ")
        if self._key:
            text = text.replace(self._key, "***")
        return text[:SHOWN_CHARACTERS]


def _body(error: urllib.error.HTTPError) -> bytes:
    """Return the text of an error's answer, as much as has come."""
    try:
        return error.read()
    except http.client.IncompleteRead as cut:
        return cut.partial
    except (OSError, http.client.HTTPException):
        return b""


def _vector(embedding: str | list[float]) -> np.ndarray:
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4")
    # JSON has no NaN: servers write null, which becomes NaN here and is refused later.
    return np.array(embedding, dtype=np.float32)


def _retry_after(header: str | None) -> float | None:
    """Return the seconds of a ``Retry-After`` header, ``None`` where it is not a number."""
    try:
        return max(0.0, float(header)) if header else None
    except ValueError:
        return None


def _hint(code: int) -> str:
    """Return the remedy for an HTTP status that is not retried."""
    return {
        401: "Put the key into the environment variable that endpoint_key_variable names",
        403: "The key may not use this model",
        404: "Check endpoint_url (it ends in /v1 on most servers) and llm",
        413: "Lower endpoint_batch or prompt_max_tokens",
    }.get(code, "Check llm, endpoint_url and prompt_max_tokens")
