"""Embeddings from any server that speaks OpenAI's ``/v1/embeddings``: vLLM, TEI, Ollama, hosted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import numpy as np

from recbole_llm4msr.knowledge.encoders.base import Encoded, Encoder, ReportProgress
from recbole_llm4msr.knowledge.encoders.endpoint_client import EndpointClient
from recbole_llm4msr.knowledge.options import KnowledgeError, KnowledgeOptions


class EndpointEncoder(Encoder):
    """Sends prompts to a server, several requests at a time.

    Args:
        options: ``llm`` is the name of the model at the server; see
            :class:`~.endpoint_client.EndpointClient` for the keys ``endpoint_*``.
    """

    form = "compact"

    def __init__(self, options: KnowledgeOptions) -> None:
        self.options = options
        self.name = str(options.llm)
        self.max_tokens = options.prompt_max_tokens or 256
        self.client = EndpointClient(options)
        self._width: int | None = None

    def identity(self) -> dict[str, Any]:
        """Return the model's name; the server's address may change and is not part of it."""
        return {"encoder": "endpoint", "model": self.name}

    vector_identity = identity

    def prepare(self, prompts: Sequence[str]) -> None:
        """Do nothing: this encoder is not fitted on prompts."""

    def wrap(self, prompt: str, system: str | None) -> str:
        """Return the prompt itself: embedding models read bare texts."""
        return prompt

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        """Estimate tokens: 1.5 a word and 1 a Chinese sign; the server's tokenizer is unknown."""
        return np.array(
            [
                int(1.5 * len(text.split()) + 0.99) + len(re.findall(r"[\u3400-\u9fff]", text))
                for text in texts
            ],
            dtype=np.int64,
        )

    def prompt_tokens(self, prompts: Sequence[str]) -> np.ndarray:
        """Estimate as :meth:`count_tokens`; the special tokens of the server are not counted."""
        return self.count_tokens(prompts)

    def tokenise(self, prompts: Sequence[str]) -> list[str]:
        """Return the prompts: the server tokenises them."""
        return list(prompts)

    def encode(self, tokenised: list[str], report_progress: ReportProgress) -> Encoded:
        """Request all vectors; see :class:`~recbole_llm4msr.knowledge.encoders.base.Encoder`.

        Raises:
            KnowledgeError: The server refuses, stays unreachable, or its answer is not valid.
        """
        size = self.options.endpoint_batch
        tokens = self.count_tokens(tokenised)
        starts = range(0, len(tokenised), size)
        batches: dict[int, np.ndarray] = {}
        with ThreadPoolExecutor(self.options.endpoint_concurrency, "endpoint") as pool:
            requests = {
                pool.submit(self.client.embed, tokenised[start : start + size]): start
                for start in starts
            }
            try:
                for request in as_completed(requests):
                    start = requests[request]
                    batches[start] = self._check_width(request.result())
                    report_progress(len(batches[start]), int(tokens[start : start + size].sum()))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return Encoded(np.concatenate([batches[start] for start in starts]), tokens)

    def _check_width(self, vectors: np.ndarray) -> np.ndarray:
        if self._width is None:
            self._width = vectors.shape[1]
        if vectors.shape[1] != self._width:
            raise KnowledgeError(
                f"{self.client.address}: answered vectors of {self._width} and then of "
                f"{vectors.shape[1]} numbers; is more than one model behind it?"
            )
        return vectors
