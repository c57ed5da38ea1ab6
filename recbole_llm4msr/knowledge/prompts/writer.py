"""Which prompts a data set needs, each rendered exactly as the encoder will see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl

from recbole_llm4msr.data.history import TrainingHistory
from recbole_llm4msr.knowledge.encoders.base import Encoder
from recbole_llm4msr.knowledge.options import KnowledgeError, KnowledgeOptions
from recbole_llm4msr.knowledge.prompts.folds import assign_folds
from recbole_llm4msr.knowledge.prompts.histories import (
    FULL,
    TokenBudget,
    item_texts,
    profile_of,
    rows_told,
    user_histories,
)
from recbole_llm4msr.knowledge.prompts.scenarios import scenario_statistics
from recbole_llm4msr.knowledge.prompts.template import PromptTemplate

FITTED_USERS = 4096  # whose prompts are enough to find directions in
SPARE_TOKENS = 16  # special tokens, and texts that join differently than they count alone


@dataclass(frozen=True)
class PromptPlan:
    """All prompts of one data set.

    Attributes:
        users: Columns ``user``, ``fold`` (-1: full history), ``positives`` and ``prompt``; users
            at or above the interaction threshold only, sorted by user and fold.
        scenarios: One prompt per scenario, in id order.
        items: Columns ``item`` and ``prompt`` of the training items, or ``None``.
        folds: Fold of every training row, or ``None`` for a single fold.
        fitted: With folds, the prompts that may be fitted on: rows as those of ``full``, but of
            all that a user met, whatever the label. ``None`` for a single fold.
    """

    users: pl.DataFrame
    scenarios: list[str]
    items: pl.DataFrame | None
    folds: np.ndarray | None
    fitted: pl.DataFrame | None = None

    @cached_property
    def full(self) -> pl.DataFrame:
        """The full-history prompts of the training users, which alone may be fitted on."""
        return self.users.filter(pl.col("fold") == FULL)

    def user_and_item_prompts(self) -> list[str]:
        """All prompts but the scenarios', in a fixed order, with repetitions."""
        frames = (self.users, self.items, self.fitted)
        return [prompt for frame in frames if frame is not None for prompt in frame["prompt"]]


class PromptWriter:
    """Renders the prompts of one data set for one encoder.

    Args:
        history: The training rows, in raw tokens.
        options: Template, language, form and lengths.
        encoder: Counts tokens and applies its chat template.
    """

    def __init__(
        self, history: TrainingHistory, options: KnowledgeOptions, encoder: Encoder
    ) -> None:
        self.history, self.options, self.encoder = history, options, encoder
        self.template = load_template(options, encoder, history.dataset)
        self.statistics = scenario_statistics(history, options)
        self.profile = profile_of(history)
        self._labels = {s["scenario"]: s for s in self.statistics}
        self._render = self.template.renderer("user", scenarios=self.statistics)
        has_system = self.template.has("system")
        self._system = self.template.renderer("system")() if has_system else None
        eol = options.knowledge_pooling == "eol" and self.template.has("eol")
        self._ending = "\n" + self.template.renderer("eol")() if eol else ""

    def plan(self) -> PromptPlan:
        """Render every prompt that the options ask for."""
        options = self.options
        folds = None
        if options.knowledge_folds > 1:
            folds = assign_folds(self.history.rows, options.knowledge_folds, options.knowledge_seed)
        histories = user_histories(self.history, options, folds, self._budget())
        return PromptPlan(
            users=self._user_prompts(histories, folds),
            scenarios=self._scenario_prompts(),
            items=self._item_prompts() if options.item_knowledge else None,
            folds=folds,
            fitted=None if folds is None else self._blind_prompts(),
        )

    def _blind_prompts(self) -> pl.DataFrame:
        """Prompts that know no label, of at most ``FITTED_USERS`` users.

        What is fitted on prompts of positives alone learns which items were chosen together, and
        finds an item that was left out of a prompt again by the ones that are left.
        """
        rows = self.history.rows
        users = rows["user"].unique().sort()
        if len(users) > FITTED_USERS:
            users = users.sample(FITTED_USERS, seed=self.options.knowledge_seed)
        rows = rows.filter(pl.col("user").is_in(users.implode())).with_columns(
            label=pl.lit(1, dtype=pl.Float32)
        )
        blind = replace(self.history, rows=rows)
        told = user_histories(blind, self.options, None, self._budget())
        return self._user_prompts(told)

    def _user_prompts(
        self, histories: pl.DataFrame, folds: np.ndarray | None = None
    ) -> pl.DataFrame:
        """Render the histories at or above the threshold, which counts rows of any label."""
        told = rows_told(self.history, folds).filter(
            pl.col("seen") >= self.options.interaction_threshold
        )
        kept = histories.join(told, on=["user", "fold"], how="semi", maintain_order="left")
        prompts = [
            self._wrapped(self._user(user, positives, told))
            for user, positives, told in kept.select("user", "positives", "history").iter_rows()
        ]
        return kept.select("user", "fold", "positives").with_columns(
            prompt=pl.Series(prompts, dtype=pl.String)
        )

    def _user(self, user: str, positives: int, told: Sequence[dict]) -> str:
        for part in told:
            labels = self._labels[part["scenario"]]
            part["name"], part["description"] = labels["name"], labels["description"]
        return self._render(history=told, positives=positives, profile=self.profile(user))

    def _scenario_prompts(self) -> list[str]:
        render = self.template.renderer("scenario", scenarios=self.statistics)
        return [
            self._wrapped(render(target=s, others=[o for o in self.statistics if o is not s]))
            for s in self.statistics
        ]

    def _item_prompts(self) -> pl.DataFrame:
        """Render the items' texts; they are bare texts, never a chat."""
        render = self.template.renderer("item")
        texts = item_texts(self.history, self.options)
        prompts = [
            render(text=text, category=category) + self._ending
            for text, category in texts.select("text", "category").iter_rows()
        ]
        return texts.select("item").with_columns(prompt=pl.Series(prompts, dtype=pl.String))

    def _wrapped(self, prompt: str) -> str:
        return self.encoder.wrap(prompt + self._ending, self._system)

    def _budget(self) -> TokenBudget:
        """Tokens left for items once the rest of the longest possible prompt is counted."""
        count = self.encoder.count_tokens
        has_categories = self.options.item_category_field is not None
        empty = [
            {
                "scenario": s["scenario"],
                "positives": 9999,
                "recent": [],
                "frequent": s["leading"] if has_categories else [],
            }
            for s in self.statistics
        ]
        users = self.history.users if self.history.profiles is not None else [""]
        longest = max(users, key=lambda u: sum(map(len, self.profile(u).values())), default="")
        rest = int(count([self._wrapped(self._user(longest, 9999, empty))])[0])
        per_item = int(count(["; "])[0])
        left = self.encoder.max_tokens - rest - SPARE_TOKENS
        if left <= 0:
            raise KnowledgeError(
                f"prompt_max_tokens: template {self.template.name} takes up to {rest} tokens "
                f"without any history, which leaves nothing of {self.encoder.max_tokens}; raise "
                "it, or use prompt_form: compact"
            )
        return TokenBudget(
            tokens=left,
            count=lambda texts: count(texts) + per_item,
        )


def load_template(options: KnowledgeOptions, encoder: Encoder, dataset: str) -> PromptTemplate:
    """Return the template that the options name, in the form that suits the encoder."""
    form = encoder.form if options.prompt_form == "auto" else options.prompt_form
    return PromptTemplate.load(options.prompt_template, options.prompt_language, form, dataset)


def names_plan(history: TrainingHistory, options: KnowledgeOptions) -> PromptPlan:
    """Return a plan of bare names, for vectors that know nothing of any history.

    The users, their threshold and the items are those of real prompts, so that the comparison is
    fair; there is no fold, since a name tells nothing that could be left out.
    """
    positives = (
        history.rows.group_by("user")
        .agg(seen=pl.len(), positives=(pl.col("label") > 0.5).sum())
        .filter((pl.col("seen") >= options.interaction_threshold) & (pl.col("positives") > 0))
        .sort("user")
    )
    users = positives.select(
        "user",
        fold=pl.lit(FULL, dtype=pl.Int64),
        positives="positives",
        prompt=pl.concat_str(pl.lit("user "), "user"),
    )
    items = history.items.select("item", prompt=pl.concat_str(pl.lit("item "), "item"))
    return PromptPlan(
        users=users,
        scenarios=[f"scenario {s}" for s in history.scenarios],
        items=items if options.item_knowledge else None,
        folds=None,
    )
