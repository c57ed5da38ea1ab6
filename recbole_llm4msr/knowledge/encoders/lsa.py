"""Latent semantic analysis (LSA): the default encoder. It is not a language model, no download.

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

from recbole_llm4msr.knowledge.encoders.base import Encoded, Encoder, ReportProgress
from recbole_llm4msr.knowledge.options import KnowledgeError

WORD = r"(?u)\b\w\w+\b|[\u4e00-\u9fff]"  # words of two letters or more, single Chinese characters
ANY_WORD = r"(?u)[^\W\u4e00-\u9fff]+|[\u4e00-\u9fff]"  # a scenario may be named A or 1


class LsaEncoder(Encoder):
    """TF-IDF of a prompt's words, projected on the leading directions of the users' prompts.

    Args:
        size: Most directions to keep; ``None`` keeps TF-IDF itself, every word of the corpus.
        seed: Seed of the randomised decomposition.
        words: Pattern of a word.
    """

    form = "compact"
    max_tokens = 1_000_000  # LSA reads prompts of any length

    def __init__(self, size: int | None, seed: int, words: str = WORD) -> None:
        self.size, self.seed, self.words = size, seed, words
        self._corpus: str | None = None

    @classmethod
    def restored(
        cls, identity: dict[str, Any], arrays: dict[str, np.ndarray], words: Sequence[str]
    ) -> LsaEncoder:
        """Return the encoder whose :meth:`fitted` are given, without its prompts.

        Args:
            identity: Its :meth:`vector_identity`.
            arrays: Weights and directions.
            words: The words that the columns of both stand for.
        """
        encoder = cls(identity["size"], identity["seed"], identity["words"])
        encoder._corpus = identity["corpus"]
        encoder._words = encoder._counter(vocabulary={word: n for n, word in enumerate(words)})
        encoder._words.idf_ = arrays["weights"]
        encoder._directions = None
        if "directions" in arrays:
            encoder._directions = TruncatedSVD(len(arrays["directions"]))
            encoder._directions.components_ = arrays["directions"]
        return encoder

    def fitted(self) -> tuple[dict[str, np.ndarray], list[str]]:
        """What :meth:`prepare` fitted: ``weights`` (W,), ``directions`` (k, W), and the W words."""
        arrays = {"weights": self._words.idf_}
        if self._directions is not None:
            arrays["directions"] = self._directions.components_
        return arrays, self._words.get_feature_names_out().tolist()

    def _counter(self, **options: Any) -> TfidfVectorizer:
        return TfidfVectorizer(
            token_pattern=self.words, sublinear_tf=True, dtype=np.float32, **options
        )

    def identity(self) -> dict[str, Any]:
        """See :class:`~recbole_llm4msr.knowledge.encoders.base.Encoder`."""
        return {"encoder": "lsa", "size": self.size, "seed": self.seed, "words": self.words}

    def for_scenarios(self, prompts: Sequence[str]) -> LsaEncoder:
        """Return an encoder that keeps the TF-IDF of the scenarios' words, without a decomposition.

        Scenarios' names and descriptions do not occur in users' histories, and a decomposition
        would drop one of the few directions that they have.
        """
        encoder = LsaEncoder(None, self.seed, ANY_WORD)
        encoder.prepare(prompts)
        return encoder

    def prepare(self, prompts: Sequence[str]) -> None:
        """Fit vocabulary, weights and directions on these prompts.

        Raises:
            KnowledgeError: The prompts contain no words.
        """
        prompts = sorted(set(prompts))  # the order of the users must not matter
        digest = hashlib.sha256("\x1e".join(prompts).encode())
        self._corpus = digest.hexdigest()[:32]
        self._words = self._counter(min_df=2 if self.size is not None and len(prompts) > 50 else 1)
        try:
            counts = self._words.fit_transform(prompts)
        except ValueError as error:
            raise KnowledgeError(
                f"knowledge: lsa finds no words in {len(prompts)} prompts; set item_text_fields to "
                "columns with texts, and give the scenarios names with letters or digits"
            ) from error
        self._directions = None
        if (
            self.size is not None and min(counts.shape) > 1
        ):  # one prompt or word cannot be decomposed
            size = min(self.size, *(n - 1 for n in counts.shape))
            self._directions = TruncatedSVD(size, random_state=self.seed).fit(counts)

    def vector_identity(self) -> dict[str, Any]:
        """Return :meth:`identity` with a hash of the prompts that the encoder was fitted on."""
        return {**self.identity(), "corpus": self._corpus}

    def wrap(self, prompt: str, system: str | None) -> str:
        """Return the prompt itself: LSA follows no instructions."""
        return prompt

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        """Count words separated by whitespace."""
        return np.array([len(t.split()) for t in texts], dtype=np.int64)

    def prompt_tokens(self, prompts: Sequence[str]) -> np.ndarray:
        """Count words; there are no special tokens."""
        return self.count_tokens(prompts)

    def tokenise(self, prompts: Sequence[str]) -> Sequence[str]:
        """Return the prompts: there is nothing to tokenise."""
        return prompts

    def encode(self, tokenised: Sequence[str], report_progress: ReportProgress) -> Encoded:
        """Project the prompts; see :class:`~recbole_llm4msr.knowledge.encoders.base.Encoder`."""
        if self._corpus is None:
            raise RuntimeError("call LsaEncoder.prepare before encode")
        counts = self._words.transform(tokenised)
        vectors = self._directions.transform(counts) if self._directions else counts.toarray()
        tokens = self.count_tokens(tokenised)
        report_progress(len(tokenised), int(tokens.sum()))
        return Encoded(np.asarray(vectors, dtype=np.float32), tokens)
