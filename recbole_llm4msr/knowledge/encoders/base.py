"""The protocol of an encoder of prompts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

Advance = Callable[[int, int], None]
"""Called with (prompts, tokens) as a batch is done, for the progress bar."""

UNLIMITED = 1_000_000  # an encoder with this limit reads prompts of any length


@dataclass(frozen=True)
class Encoded:
    """What an encoder made of a list of prompts.

    Attributes:
        vectors: float32, shape (n, d), in the order of the prompts.
        tokens: Tokens of each prompt as the model saw it, shape (n,).
        truncated: Prompts that were longer than the encoder's limit.
        texts: The generated texts, where the encoder generates.
    """

    vectors: np.ndarray
    tokens: np.ndarray
    truncated: int = 0
    texts: list[str] | None = None


class Encoder(Protocol):
    """Turns prompts into vectors; a prompt's vector depends on that prompt alone."""

    form: str
    """Form of prompt that suits this encoder: ``full`` or ``compact``."""

    max_tokens: int
    """Longest prompt, in this encoder's tokens; ``UNLIMITED`` where length does not matter."""

    def identity(self) -> dict[str, Any]:
        """Return what decides a vector beside the prompt, known before any prompt is seen."""
        ...

    def prepare(self, prompts: Sequence[str]) -> None:
        """Look at the full-history prompts of the training users, once, before encoding."""
        ...

    def for_scenarios(self, prompts: Sequence[str]) -> Encoder:
        """Return the encoder of the scenarios' prompts; itself, unless it is fitted on prompts."""
        return self

    def vector_identity(self) -> dict[str, Any]:
        """Return :meth:`identity` with what :meth:`prepare` learned, if vectors depend on it."""
        ...

    def wrap(self, prompt: str, system: str | None) -> str:
        """Return the prompt exactly as the model sees it (chat template and all)."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        """Count the tokens of each text as part of a prompt, int64 of shape (n,)."""
        ...

    def prompt_tokens(self, prompts: Sequence[str]) -> np.ndarray:
        """Count the tokens of wrapped prompts, special ones included, int64 of shape (n,)."""
        ...

    def tokenise(self, prompts: Sequence[str]) -> Any:
        """Do the part of the work that needs no accelerator; safe in another thread."""
        ...

    def encode(self, tokenised: Any, advance: Advance) -> Encoded:
        """Encode what :meth:`tokenise` returned."""
        ...
