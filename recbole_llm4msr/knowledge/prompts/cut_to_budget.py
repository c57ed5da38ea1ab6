"""Cut prompts to the token budget: render the longest form that is within the limit."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np

from recbole_llm4msr.knowledge.encoders.base import UNLIMITED, Encoder
from recbole_llm4msr.knowledge.options import KnowledgeError

BATCH = 1024  # prompts that are tokenised at a time
LETTERS = 32  # letters per token of the limit; a longer prompt is too long without counting
# A piece is a word, one Chinese or Japanese sign, or 24 letters of a longer word.
_SIGN = r"\u3040-\u30ff\u3400-\u9fff"
_PIECE = re.compile(rf"\s*(?:[{_SIGN}]|[^\s{_SIGN}]{{1,24}})")


@dataclass(frozen=True)
class TokenBudget:
    """The tokens that a history may take in a prompt, and the function that counts tokens.

    Attributes:
        tokens: Most tokens of a history.
        count: Returns the tokens of each text, int64 of shape (n,).
    """

    tokens: int
    count: Callable[[Sequence[str]], np.ndarray]


class ShrinkingPrompt(ABC):
    """A sequence of forms of one prompt: number 0 is the full one, each next one is shorter.

    A prompt is shortened in stages, one after the other; every step of a stage leaves out one
    thing. All texts are wrapped as the encoder reads them.
    """

    @abstractmethod
    def full(self) -> str:
        """Return the prompt with nothing left out."""

    @cached_property
    @abstractmethod
    def steps(self) -> tuple[int, ...]:
        """Number of steps of each stage, in order."""

    @abstractmethod
    def shortened(self, *taken: int) -> str:
        """Return the prompt after ``taken`` steps of each stage."""

    def __len__(self) -> int:
        return 1 + sum(self.steps)

    def __getitem__(self, number: int) -> str:
        if number == 0:
            return self.full()
        taken = []
        for steps in self.steps:
            taken.append(min(steps, number))
            number -= taken[-1]
        return self.shortened(*taken)


def cut_to_budget(prompts: Sequence[ShrinkingPrompt], encoder: Encoder, kind: str) -> list[str]:
    """Render the longest form of every prompt that is within the encoder's limit.

    Tokens are counted in batches. The longest fitting form of the prompts that are too long is
    found by strides and bisection, for all at the same time; every returned text was counted.

    Args:
        prompts: Prompts to render.
        encoder: Counts tokens; without a limit nothing is counted.
        kind: Kind of the prompts, for the error message.

    Raises:
        KnowledgeError: A prompt does not fit even in its shortest form.
    """
    texts = [prompt.full() for prompt in prompts]
    limit = encoder.max_tokens
    if limit >= UNLIMITED:
        return texts
    too_long = np.array([len(text) > LETTERS * limit for text in texts], dtype=bool)
    tokens = np.full(len(texts), limit + 1)
    tokens[~too_long] = _tokens([texts[row] for row in np.flatnonzero(~too_long)], encoder)
    long = np.flatnonzero(tokens > limit)
    short = np.array([len(prompts[row]) - 1 for row in long], dtype=np.int64)  # known to fit
    shortest = [prompts[row][number] for row, number in zip(long, short, strict=True)]
    needed = _tokens(shortest, encoder).max(initial=0)
    if needed > limit:
        raise KnowledgeError(
            f"prompt_max_tokens: {kind} take up to {needed} tokens in their shortest "
            f"form, more than the limit of {limit}; set it to {needed} or more, shorten the "
            "template, or use prompt_form: compact"
        )
    for row, text in zip(long, shortest, strict=True):
        texts[row] = text
    over = np.zeros_like(short)  # known to be too long
    stride = np.ones_like(short)
    while len(open_ := np.flatnonzero(short - over > 1)):
        # Strides grow from the short end: full prompts of many scenarios are slow to render.
        middle = np.maximum(short - stride, (short + over) // 2)
        stride *= 2
        tried = [prompts[long[row]][middle[row]] for row in open_]
        fits = _tokens(tried, encoder) <= limit
        over[open_[~fits]] = middle[open_[~fits]]
        short[open_[fits]] = middle[open_[fits]]
        for row, text, good in zip(open_, tried, fits, strict=True):
            if good:
                texts[long[row]] = text
    return texts


def _tokens(texts: Sequence[str], encoder: Encoder) -> np.ndarray:
    """Count the tokens of wrapped prompts, int64 of shape (n,)."""
    starts = range(0, len(texts), BATCH)
    parts = [encoder.prompt_tokens(texts[start : start + BATCH]) for start in starts]
    return np.concatenate([np.zeros(0, dtype=np.int64), *parts])


def piece_count(text: str) -> int:
    """Count the pieces that :func:`first_pieces` can keep."""
    return sum(1 for _ in _PIECE.finditer(text))


def first_pieces(text: str, count: int) -> str:
    """Return the first ``count`` pieces of a text: words, or signs of scripts without blanks."""
    if count <= 0 and (count < 0 or _PIECE.search(text)):
        return ""
    pieces = _PIECE.finditer(text)  # lazily: of long texts few pieces are kept
    last = next(islice(pieces, max(0, count - 1), None), None)
    return text if last is None or next(pieces, None) is None else text[: last.end()]


def in_turns(lengths: Sequence[int], turns: Sequence[int], count: int) -> list[int]:
    """Return how many entries of each list are kept when ``count`` of all lists are kept.

    Lists take turns: the first entry of each list, then the second of each, and so on.

    Args:
        lengths: Entries of every list.
        turns: Position of every list in a turn.
        count: Number of entries to keep.
    """
    order = sorted(
        (rank, turn, number)
        for number, (length, turn) in enumerate(zip(lengths, turns, strict=True))
        for rank in range(length)
    )
    kept = [0] * len(lengths)
    for _, _, number in order[: max(count, 0)]:
        kept[number] += 1
    return kept
