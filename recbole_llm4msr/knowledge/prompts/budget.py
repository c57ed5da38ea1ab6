"""The fullest form of every prompt that stays within the encoder's limit, by real token counts."""

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

BATCH = 1024  # prompts whose tokens are held at a time
LETTERS = 32  # a prompt with more letters than this for each token of the limit is not counted
# A piece is a word, one sign of Chinese or Japanese, or a part of a word without end.
_SIGN = r"\u3040-\u30ff\u3400-\u9fff"
_PIECE = re.compile(rf"\s*(?:[{_SIGN}]|[^\s{_SIGN}]{{1,24}})")


@dataclass(frozen=True)
class TokenBudget:
    """How many tokens of history a prompt may carry, and how a text's tokens are counted."""

    tokens: int
    count: Callable[[Sequence[str]], np.ndarray]


class ShrinkingPrompt(ABC):
    """One prompt in several lengths: number 0 is the full one, every next one leaves out more.

    A kind of prompt is shortened in stages, one after the other; a stage has as many steps as it
    has things to leave out. All texts are wrapped as the encoder sees them.
    """

    @abstractmethod
    def full(self) -> str:
        """Return the prompt with nothing left out."""

    @cached_property
    @abstractmethod
    def steps(self) -> tuple[int, ...]:
        """How many steps each stage has, in the order of the stages."""

    @abstractmethod
    def shortened(self, *taken: int) -> str:
        """Return the prompt after this many steps of every stage."""

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


def fit(prompts: Sequence[ShrinkingPrompt], encoder: Encoder, kind: str) -> list[str]:
    """Render every prompt as full as the encoder's limit allows.

    All prompts are counted in batches. Those that are too long are searched for their fullest
    form that fits, all at the same time, by strides and bisection; what is returned was counted.

    Args:
        prompts: What to render.
        encoder: Counts tokens; one without a limit has nothing counted.
        kind: What the prompts are, for an error.

    Raises:
        KnowledgeError: A prompt does not fit even in its shortest form.
    """
    texts = [prompt.full() for prompt in prompts]
    limit = encoder.max_tokens
    if limit >= UNLIMITED:
        return texts
    hopeless = np.array([len(text) > LETTERS * limit for text in texts], dtype=bool)
    tokens = np.full(len(texts), limit + 1)
    tokens[~hopeless] = _tokens([texts[at] for at in np.flatnonzero(~hopeless)], encoder)
    long = np.flatnonzero(tokens > limit)
    short = np.array([len(prompts[at]) - 1 for at in long], dtype=np.int64)  # known to fit
    shortest = [prompts[at][number] for at, number in zip(long, short, strict=True)]
    needed = _tokens(shortest, encoder).max(initial=0)
    if needed > limit:
        raise KnowledgeError(
            f"prompt_max_tokens: {kind} take up to {needed} tokens when all that can be left out "
            f"is left out, more than the limit of {limit}; set it to {needed} or more, shorten the "
            "template, or use prompt_form: compact"
        )
    for at, text in zip(long, shortest, strict=True):
        texts[at] = text
    over = np.zeros_like(short)  # known to be too long
    stride = np.ones_like(short)
    while len(open_ := np.flatnonzero(short - over > 1)):
        # From the short end in growing strides: full prompts of many scenarios are slow to render.
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
    """Return the first ``count`` words of a text (or signs, where a script has no blanks)."""
    if count <= 0 and (count < 0 or _PIECE.search(text)):
        return ""
    pieces = _PIECE.finditer(text)  # lazily: of long texts few pieces are kept
    last = next(islice(pieces, max(0, count - 1), None), None)
    return text if last is None or next(pieces, None) is None else text[: last.end()]


def in_turns(lengths: Sequence[int], turns: Sequence[int], count: int) -> list[int]:
    """Say how many entries of each list are kept when ``count`` of all are.

    Lists take turns: the first entry of each, then the second of each, and so on.

    Args:
        lengths: Entries of every list.
        turns: Place of every list in a turn.
        count: Entries to keep.
    """
    order = sorted(
        (rank, turn, at)
        for at, (length, turn) in enumerate(zip(lengths, turns, strict=True))
        for rank in range(length)
    )
    kept = [0] * len(lengths)
    for _, _, at in order[: max(count, 0)]:
        kept[at] += 1
    return kept
