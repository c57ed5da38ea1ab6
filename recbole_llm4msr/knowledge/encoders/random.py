"""Random vectors, the control in comparisons: a vector depends on the name and seed alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from recbole_llm4msr.knowledge.encoders.base import Encoded, Encoder, ReportProgress


class NoiseEncoder(Encoder):
    """One standard normal vector per name, the same in every run and on every machine.

    Args:
        size: Width of the vectors.
        seed: Another seed gives other vectors.
    """

    form = "compact"
    max_tokens = 1

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.seed = size, seed

    def identity(self) -> dict[str, Any]:
        """See :class:`~recbole_llm4msr.knowledge.encoders.base.Encoder`."""
        return {"encoder": "random", "size": self.size, "seed": self.seed}

    vector_identity = identity

    def prepare(self, prompts: Sequence[str]) -> None:
        """Do nothing: this encoder is not fitted on prompts."""

    def wrap(self, prompt: str, system: str | None) -> str:
        """Return the name itself."""
        return prompt

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        """Count one token for a name."""
        return np.ones(len(texts), dtype=np.int64)

    def prompt_tokens(self, prompts: Sequence[str]) -> np.ndarray:
        """See :meth:`count_tokens`."""
        return self.count_tokens(prompts)

    def tokenise(self, prompts: Sequence[str]) -> Sequence[str]:
        """Return the names: there is nothing to tokenise."""
        return prompts

    def encode(self, tokenised: Sequence[str], report_progress: ReportProgress) -> Encoded:
        """Draw each name's vector from a generator seeded with the name's hash."""
        vectors = np.empty((len(tokenised), self.size), dtype=np.float32)
        for row, name in enumerate(tokenised):
            digest = hashlib.sha256(f"{self.seed}\x1f{name}".encode()).digest()
            generator = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))
            vectors[row] = generator.standard_normal(self.size, dtype=np.float32)
        report_progress(len(tokenised), len(tokenised))
        return Encoded(vectors, self.count_tokens(tokenised))
