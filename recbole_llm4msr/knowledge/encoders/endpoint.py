"""Embeddings from any server that speaks OpenAI's ``/v1/embeddings``: vLLM, TEI, Ollama, hosted."""

from __future__ import annotations

import base64
import binascii
import json
import logging
import os
import random
import re
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import numpy as np

from recbole_llm4msr.knowledge.encoders.base import Advance, Encoded, Encoder
from recbole_llm4msr.knowledge.options import KnowledgeError, KnowledgeOptions

PASSING = (408, 409, 425, 429, 500, 502, 503, 504)  # states of a server that pass
LONGEST_WAIT = 60.0
logger = logging.getLogger(__name__)


class EndpointEncoder(Encoder):
    """Sends prompts to a server, several requests at a time.

    The key comes from the environment; it is never stored, and cut out of whatever is shown.

    Args:
        options: ``llm`` is the name under which the server knows the model; the keys
            ``endpoint_*`` say how to reach it.
    """

    form = "compact"

    def __init__(self, options: KnowledgeOptions) -> None:
        self.options = options
        self.name = str(options.llm)
        self.max_tokens = options.prompt_max_tokens or 256
        self.address = str(options.endpoint_url).rstrip("/") + "/embeddings"
        if not self.address.startswith(("http://", "https://")):
            raise KnowledgeError(
                f"endpoint_url: {options.endpoint_url} must begin with http:// or https://"
            )
        self._key = os.environ.get(options.endpoint_key_variable, "")
        self._width: int | None = None

    def identity(self) -> dict[str, Any]:
        """The model's name; a server may move, so its address is not part of it."""
        return {"encoder": "endpoint", "model": self.name}

    vector_identity = identity

    def prepare(self, prompts: Sequence[str]) -> None:
        """Nothing to learn."""

    def wrap(self, prompt: str, system: str | None) -> str:
        """Embedding models read bare texts."""
        return prompt

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        """Estimate: the server's tokenizer is unknown, so words count 1.5 and Chinese signs 1."""
        return np.array(
            [
                int(1.5 * len(text.split()) + 0.99) + len(re.findall(r"[\u3400-\u9fff]", text))
                for text in texts
            ],
            dtype=np.int64,
        )

    def prompt_tokens(self, prompts: Sequence[str]) -> np.ndarray:
        """Estimate as :meth:`count_tokens` does; the server adds its special tokens unseen."""
        return self.count_tokens(prompts)

    def tokenise(self, prompts: Sequence[str]) -> list[str]:
        """Nothing to do ahead."""
        return list(prompts)

    def encode(self, tokenised: list[str], advance: Advance) -> Encoded:
        """Ask for all vectors; see :class:`~recbole_llm4msr.knowledge.encoders.base.Encoder`.

        Raises:
            KnowledgeError: The server refuses, stays unreachable, or answers what is no vector.
        """
        size = self.options.endpoint_batch
        tokens = self.count_tokens(tokenised)
        starts = range(0, len(tokenised), size)
        answers: dict[int, np.ndarray] = {}
        with ThreadPoolExecutor(self.options.endpoint_concurrency, "endpoint") as pool:
            coming = {
                pool.submit(self._ask, tokenised[start : start + size]): start for start in starts
            }
            try:
                for done in as_completed(coming):
                    start = coming[done]
                    answers[start] = self._same_width(done.result())
                    advance(len(answers[start]), int(tokens[start : start + size].sum()))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return Encoded(np.concatenate([answers[start] for start in starts]), tokens)

    def _same_width(self, vectors: np.ndarray) -> np.ndarray:
        if self._width is None:
            self._width = vectors.shape[1]
        if vectors.shape[1] != self._width:
            raise KnowledgeError(
                f"{self.address}: answered vectors of {self._width} and then of "
                f"{vectors.shape[1]} numbers; is more than one model behind it?"
            )
        return vectors

    def _ask(self, prompts: list[str]) -> np.ndarray:
        """One request, tried again for as long as its failure may pass."""
        body = {"model": self.name, "input": prompts, "encoding_format": "base64"}
        request = urllib.request.Request(
            self.address,
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"}
            | ({"Authorization": f"Bearer {self._key}"} if self._key else {}),
        )
        attempts = self.options.endpoint_retries + 1
        for attempt in range(attempts):
            pause = None
            try:
                with urllib.request.urlopen(
                    request, timeout=self.options.endpoint_timeout
                ) as answer:
                    content = answer.read()
                return self._vectors(content, len(prompts))
            except urllib.error.HTTPError as error:
                why = f"HTTP {error.code} {self._shown(error.read())}"
                if error.code not in PASSING:
                    raise KnowledgeError(f"{self.address}: {why}. {_hint(error.code)}") from None
                pause = _asked_pause(error.headers.get("Retry-After"))
            except (urllib.error.URLError, TimeoutError, ConnectionError, OSError) as error:
                why = self._shown(str(getattr(error, "reason", error)).encode())
            if attempt + 1 < attempts:
                wait = pause if pause is not None else 2.0**attempt * (0.5 + random.random())
                logger.info("%s: %s; again in %.1f s", self.address, why, wait)
                time.sleep(min(wait, LONGEST_WAIT))
        raise KnowledgeError(
            f"{self.address}: {attempts} attempts failed, the last with: {why}. Finished chunks "
            "are kept: run the same command again when the server answers, with a smaller "
            "endpoint_concurrency if it is overloaded, or use --knowledge=lsa"
        )

    def _vectors(self, content: bytes, count: int) -> np.ndarray:
        """Read an answer: base64 or lists, in any order."""
        try:
            entries = json.loads(content)["data"]
            places = [entry.get("index", at) for at, entry in enumerate(entries)]
            vectors = [_vector(entry["embedding"]) for entry in entries]
        except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
            raise KnowledgeError(
                f"{self.address}: the answer is not that of /v1/embeddings "
                f"({type(error).__name__}: {error}): {self._shown(content)}"
            ) from None
        if sorted(places) != list(range(count)):
            raise KnowledgeError(
                f"{self.address}: {len(entries)} vectors came back for {count} prompts"
            )
        widths = sorted({len(vector) for vector in vectors})
        if len(widths) != 1 or not widths[0]:
            raise KnowledgeError(
                f"{self.address}: vectors of different widths in one answer: {widths}"
            )
        found = np.empty((count, widths[0]), dtype=np.float32)
        found[places] = vectors
        if not np.isfinite(found).all():
            raise KnowledgeError(
                f"{self.address}: the answer holds NaN or infinity; nothing of it is stored. "
                "Serve the model in bfloat16 or float32"
            )
        return found

    def _shown(self, content: bytes) -> str:
        """The start of what a server said, without the key should it be echoed."""
        text = content[:300].decode("utf-8", "replace").replace("\n", " ")
        return text.replace(self._key, "***") if self._key else text


def _vector(embedding: str | list[float]) -> np.ndarray:
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4")
    # JSON has no NaN: servers write null, which becomes NaN here and is refused later.
    return np.array(embedding, dtype=np.float32)


def _asked_pause(header: str | None) -> float | None:
    """Seconds that a server asks to wait, where it says a number."""
    try:
        return max(0.0, float(header)) if header else None
    except ValueError:
        return None


def _hint(code: int) -> str:
    return {
        401: "Put the key into the environment variable that endpoint_key_variable names",
        403: "The key may not use this model",
        404: "Check endpoint_url (it ends in /v1 on most servers) and llm",
        413: "Lower endpoint_batch or prompt_max_tokens",
    }.get(code, "Check llm, endpoint_url and prompt_max_tokens")
