"""Random vectors that know nothing: the control in every comparison of knowledge."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from recbole_llm4msr.knowledge.encoders.base import Advance, Encoded, Encoder


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
        """Nothing to learn."""

    def wrap(self, prompt: str, system: str | None) -> str:
        """Return the name as it is."""
        return prompt

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        """A name counts as one token."""
        return np.ones(len(texts), dtype=np.int64)

    def prompt_tokens(self, prompts: Sequence[str]) -> np.ndarray:
        """See :meth:`count_tokens`."""
        return self.count_tokens(prompts)

    def tokenise(self, prompts: Sequence[str]) -> Sequence[str]:
        """Nothing to do ahead."""
        return prompts

    def encode(self, tokenised: Sequence[str], advance: Advance) -> Encoded:
        """Draw each name's vector from a generator seeded with the name's hash."""
        vectors = np.empty((len(tokenised), self.size), dtype=np.float32)
        for at, name in enumerate(tokenised):
            digest = hashlib.sha256(f"{self.seed}\x1f{name}".encode()).digest()
            generator = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))
            vectors[at] = generator.standard_normal(self.size, dtype=np.float32)
        advance(len(tokenised), len(tokenised))
        return Encoded(vectors, self.count_tokens(tokenised))
