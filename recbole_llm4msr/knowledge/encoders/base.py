"""The protocol of an encoder of prompts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

ReportProgress = Callable[[int, int], None]
"""Callback for the progress bar, called with (prompts, tokens) after every batch."""

UNLIMITED = 1_000_000  # limit of an encoder that reads prompts of any length


@dataclass(frozen=True)
class Encoded:
    """The result of encoding a list of prompts.

    Attributes:
        vectors: float32, shape (n, d), in the order of the prompts.
        tokens: Tokens of each prompt as the model read it, int64 of shape (n,).
        truncated: Number of prompts that were longer than the encoder's limit.
        texts: The generated texts in generate mode, else ``None``.
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
        """Return what determines a vector besides its prompt, known before :meth:`prepare`."""
        ...

    def prepare(self, prompts: Sequence[str]) -> None:
        """Fit on the full-history prompts of the training users, once, before encoding."""
        ...

    def for_scenarios(self, prompts: Sequence[str]) -> Encoder:
        """Return the encoder of the scenarios' prompts: itself, unless it is fitted on prompts."""
        return self

    def vector_identity(self) -> dict[str, Any]:
        """Return :meth:`identity`, with what :meth:`prepare` fitted if vectors depend on it."""
        ...

    def wrap(self, prompt: str, system: str | None) -> str:
        """Return the prompt as the model reads it, with chat template."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        """Count the tokens of each text as part of a prompt, int64 of shape (n,)."""
        ...

    def prompt_tokens(self, prompts: Sequence[str]) -> np.ndarray:
        """Count the tokens of wrapped prompts, special ones included, int64 of shape (n,)."""
        ...

    def tokenise(self, prompts: Sequence[str]) -> Any:
        """Do the work that needs no accelerator; may run in another thread."""
        ...

    def encode(self, tokenised: Any, report_progress: ReportProgress) -> Encoded:
        """Encode what :meth:`tokenise` returned."""
        ...
