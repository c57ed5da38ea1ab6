"""Latent semantic analysis: the embedded default that needs no download. It is no language model.

Reference:
    Deerwester et al., "Indexing by Latent Semantic Analysis", JASIS 1990.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from recbole_llm4msr.knowledge.encoder import Advance, Encoded
from recbole_llm4msr.knowledge.options import KnowledgeError

WORD = r"(?u)\b\w\w+\b|[\u4e00-\u9fff]"  # words of two letters or more, single Chinese characters


class LsaEncoder:
    """TF-IDF of a prompt's words, projected on the leading directions of the users' prompts.

    Args:
        size: Most directions to keep.
        seed: Seed of the randomised decomposition.
    """

    form = "compact"
    max_tokens = 1_000_000  # words cost nothing here, so nothing is cut

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.seed = size, seed
        self._corpus: str | None = None

    def identity(self) -> dict[str, Any]:
        """See :class:`~recbole_llm4msr.knowledge.encoder.Encoder`."""
        return {"encoder": "lsa", "size": self.size, "seed": self.seed, "words": WORD}

    def prepare(self, prompts: Sequence[str]) -> None:
        """Fit vocabulary, weights and directions on these prompts.

        Raises:
            KnowledgeError: The prompts hold no words at all.
        """
        prompts = sorted(set(prompts))  # the order of the users must not matter
        digest = hashlib.sha256("\x1e".join(prompts).encode())
        self._corpus = digest.hexdigest()[:32]
        self._words = TfidfVectorizer(
            token_pattern=WORD,
            sublinear_tf=True,
            min_df=2 if len(prompts) > 50 else 1,
            dtype=np.float32,
        )
        try:
            counts = self._words.fit_transform(prompts)
        except ValueError as error:
            raise KnowledgeError(
                f"knowledge: lsa finds no words in the {len(prompts)} users' prompts; set "
                "item_text_fields to columns with texts"
            ) from error
        size = min(self.size, *(max(1, n - 1) for n in counts.shape))
        # A single prompt or a single word has nothing to decompose.
        several = min(counts.shape) > 1
        svd = TruncatedSVD(size, random_state=self.seed)
        self._directions = svd.fit(counts) if several else None

    def vector_identity(self) -> dict[str, Any]:
        """The directions come from the prompts, so the vectors belong to that corpus."""
        return {**self.identity(), "corpus": self._corpus}

    def wrap(self, prompt: str, system: str | None) -> str:
        """There is no instruction to follow: the prompt as it is."""
        return prompt

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        """Count words parted by blanks."""
        return np.array([len(t.split()) for t in texts], dtype=np.int64)

    def prompt_tokens(self, prompts: Sequence[str]) -> np.ndarray:
        """Words only: there are no special tokens."""
        return self.count_tokens(prompts)

    def tokenise(self, prompts: Sequence[str]) -> Sequence[str]:
        """Nothing to do ahead."""
        return prompts

    def encode(self, tokenised: Sequence[str], advance: Advance) -> Encoded:
        """Project the prompts; see :class:`~recbole_llm4msr.knowledge.encoder.Encoder`."""
        if self._corpus is None:
            raise RuntimeError("LsaEncoder.prepare comes before encode")
        counts = self._words.transform(tokenised)
        vectors = self._directions.transform(counts) if self._directions else counts.toarray()
        tokens = self.count_tokens(tokenised)
        advance(len(tokenised), int(tokens.sum()))
        return Encoded(np.asarray(vectors, dtype=np.float32), tokens)
