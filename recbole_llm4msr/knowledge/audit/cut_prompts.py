"""Count the prompts that do not fit into the encoder's limit, and what they lose."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from recbole_llm4msr.data.history import TrainingHistory
from recbole_llm4msr.knowledge.encoders.base import UNLIMITED, Encoder
from recbole_llm4msr.knowledge.options import KnowledgeOptions
from recbole_llm4msr.knowledge.prompts.writer import PromptPlan, PromptWriter


@dataclass(frozen=True)
class Cuts:
    """What the prompts of one kind lose.

    Attributes:
        prompts: Number of prompts.
        cut: Number of those that are shortened.
        tokens: Mean number of tokens that a shortened prompt loses.
        items: Mean number of items of the history that it loses; ``None`` for other kinds.
    """

    prompts: int
    cut: int
    tokens: float
    items: float | None = None


class _CountingWriter(PromptWriter):
    """Writes prompts, and counts the items in every form of a user's prompt."""

    def __init__(self, *args) -> None:
        self.items: dict[str, int] = {}
        super().__init__(*args)

    def _user(self, positives, history, profile, listing) -> str:
        text = super()._user(positives, history, profile, listing)
        self.items[text] = sum(len(part["recent"]) for part in history)
        return text


def write_prompts(
    history: TrainingHistory, sample: TrainingHistory, options: KnowledgeOptions, encoder: Encoder
) -> tuple[PromptPlan, dict[str, Cuts]]:
    """Write the full-history prompts of a sample of users, as a run writes them, and uncut.

    Args:
        history: All training rows; statistics of scenarios are taken from them.
        sample: The rows of some users.
        options: The knowledge options of the run.
        encoder: Has the limit and counts tokens.

    Returns:
        The prompts as a run writes them, and what they lose, by ``users``, ``scenarios`` and, with
        ``item_knowledge``, ``items``.
    """
    options = replace(options, knowledge_folds=1)
    plan, items = _written(history, sample, options, encoder)
    if encoder.max_tokens >= UNLIMITED:
        uncut, uncut_items = plan, items
    else:
        unlimited = copy.copy(encoder)
        unlimited.max_tokens = UNLIMITED
        uncut, uncut_items = _written(history, sample, options, unlimited)
    pairs = {"users": (plan.full["prompt"].to_list(), uncut.full["prompt"].to_list())}
    pairs["scenarios"] = (plan.scenarios, uncut.scenarios)
    if plan.items is not None:
        pairs["items"] = (plan.items["prompt"].to_list(), uncut.items["prompt"].to_list())
    cuts = {kind: _cuts(*prompts, encoder) for kind, prompts in pairs.items()}
    lost = [
        uncut_items[long] - items[short]
        for short, long in zip(*pairs["users"], strict=True)
        if short != long
    ]
    cuts["users"] = replace(cuts["users"], items=float(np.mean(lost)) if lost else 0.0)
    return plan, cuts


def _written(history, sample, options, encoder) -> tuple[PromptPlan, dict[str, int]]:
    writer = _CountingWriter(history, options, encoder)
    writer.history = sample  # the statistics stay those of all rows
    return writer.plan(), writer.items


def _cuts(written: Sequence[str], uncut: Sequence[str], encoder: Encoder) -> Cuts:
    pairs = [pair for pair in zip(written, uncut, strict=True) if pair[0] != pair[1]]
    if not pairs:
        return Cuts(len(written), 0, 0.0)
    short, long = zip(*pairs, strict=True)
    lost = encoder.prompt_tokens(long) - encoder.prompt_tokens(short)
    return Cuts(len(written), len(pairs), float(lost.mean()))
