"""Write all prompts of a data set, each rendered as the encoder reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import polars as pl

from recbole_llm4msr.data.history import TrainingHistory
from recbole_llm4msr.knowledge.encoders.base import UNLIMITED, Encoder
from recbole_llm4msr.knowledge.options import KnowledgeOptions
from recbole_llm4msr.knowledge.prompts.cut_to_budget import (
    ShrinkingPrompt,
    TokenBudget,
    cut_to_budget,
)
from recbole_llm4msr.knowledge.prompts.folds import assign_folds
from recbole_llm4msr.knowledge.prompts.histories import (
    FULL,
    item_texts,
    profile_of,
    prompt_row_counts,
    user_histories,
)
from recbole_llm4msr.knowledge.prompts.scenarios import scenario_statistics
from recbole_llm4msr.knowledge.prompts.shorter_forms import (
    DESCRIBED,
    NAMED,
    OWN,
    ItemPrompt,
    ScenarioPrompt,
    UserPrompt,
)
from recbole_llm4msr.knowledge.prompts.template import PromptTemplate

FITTED_USERS = 4096  # most users whose prompts components are fitted on
FRAME_SHARE = 0.75  # largest share of the limit for the part that is the same for all users


@dataclass(frozen=True)
class PromptPlan:
    """All prompts of one data set.

    Attributes:
        users: Columns ``user``, ``fold`` (-1: full history), ``positives`` and ``prompt``; users
            at or above the interaction threshold only, sorted by user and fold.
        scenarios: One prompt per scenario, in id order.
        items: Columns ``item`` and ``prompt`` of the training items, or ``None``.
        folds: Fold of every training row, or ``None`` for a single fold.
        fitted: With folds, the prompts that encoder and components are fitted on: rows as those of
            ``full``, but of all items of a user, of any label. ``None`` for a single fold.
    """

    users: pl.DataFrame
    scenarios: list[str]
    items: pl.DataFrame | None
    folds: np.ndarray | None
    fitted: pl.DataFrame | None = None

    @cached_property
    def full(self) -> pl.DataFrame:
        """The full-history prompts of the training users."""
        return self.users.filter(pl.col("fold") == FULL)

    def user_and_item_prompts(self) -> list[str]:
        """Return all prompts but the scenarios', in a fixed order, with duplicates."""
        frames = (self.users, self.items, self.fitted)
        return [prompt for frame in frames if frame is not None for prompt in frame["prompt"]]


class PromptWriter:
    """Renders the prompts of one data set for one encoder.

    Args:
        history: The training rows, in raw tokens.
        options: Template, language, form and lengths.
        encoder: Counts tokens and applies the chat template.
        template: The template; ``None`` loads the one that the options name.
        statistics: What prompts say of the scenarios; ``None`` counts it in the history.
    """

    def __init__(
        self,
        history: TrainingHistory,
        options: KnowledgeOptions,
        encoder: Encoder,
        template: PromptTemplate | None = None,
        statistics: list[dict[str, Any]] | None = None,
    ) -> None:
        self.history, self.options, self.encoder = history, options, encoder
        self.template = template or load_template(options, encoder, history.dataset)
        self.statistics = statistics or scenario_statistics(history, options)
        self.profile = profile_of(history)
        self._labels = {s["scenario"]: s for s in self.statistics}
        self._unlabelled = {s["scenario"]: {**s, "description": ""} for s in self.statistics}
        self._render = self.template.renderer("user")
        self._system = self.template.renderer("system")() if self.template.has("system") else None
        eol = options.knowledge_pooling == "eol" and self.template.has("eol")
        self._ending = "\n" + self.template.renderer("eol")() if eol else ""

    def plan(self) -> PromptPlan:
        """Render every prompt that the options ask for."""
        options, folds = self.options, None
        if options.knowledge_folds > 1:
            folds = assign_folds(self.history.rows, options.knowledge_folds, options.knowledge_seed)
        histories = user_histories(self.history, options, folds, self._budget())
        return PromptPlan(
            users=self._user_prompts(histories, folds),
            scenarios=self._scenario_prompts(),
            items=self._item_prompts() if options.item_knowledge else None,
            folds=folds,
            fitted=None if folds is None else self._label_free_prompts(),
        )

    def full_prompts(self) -> pl.DataFrame:
        """Render the full-history prompts, as in :attr:`PromptPlan.full`."""
        return self._user_prompts(user_histories(self.history, self.options, None, self._budget()))

    def _label_free_prompts(self) -> pl.DataFrame:
        """Render prompts that do not depend on labels, of at most ``FITTED_USERS`` users.

        A fit on prompts of positives alone learns which items were chosen together, and so
        reveals an item that was left out of a prompt by the remaining ones.
        """
        rows = self.history.rows
        users = rows["user"].unique().sort()
        if len(users) > FITTED_USERS:
            users = users.sample(FITTED_USERS, seed=self.options.knowledge_seed)
        rows = rows.filter(pl.col("user").is_in(users.implode())).with_columns(
            label=pl.lit(1, dtype=pl.Float32)
        )
        label_free = replace(self.history, rows=rows)
        histories = user_histories(label_free, self.options, None, self._budget())
        return self._user_prompts(histories)

    def _user_prompts(
        self, histories: pl.DataFrame, folds: np.ndarray | None = None
    ) -> pl.DataFrame:
        """Render the histories at or above the threshold, which counts rows of any label."""
        counts = prompt_row_counts(self.history, folds).filter(
            pl.col("seen") >= self.options.interaction_threshold
        )
        kept = histories.join(counts, on=["user", "fold"], how="semi", maintain_order="left")
        columns = kept.select("user", "positives", "history")
        prompts = self._cut_to_limit(
            "user",
            [
                UserPrompt(
                    partial(self._user, positives), entries, self.profile(user), self._listing
                )
                for user, positives, entries in columns.iter_rows()
            ],
        )
        return kept.select("user", "fold", "positives").with_columns(
            prompt=pl.Series(prompts, dtype=pl.String)
        )

    def _user(
        self, positives: int, history: list[dict], profile: Mapping[str, str], listing: int
    ) -> str:
        labels = self._labels if listing == DESCRIBED else self._unlabelled
        for part in history:
            scenario = labels[part["scenario"]]
            part["name"], part["description"] = scenario["name"], scenario["description"]
        listed = [part["scenario"] for part in history] if listing == OWN else labels
        return self._wrapped(
            self._render(
                scenarios=[labels[token] for token in listed],
                history=history,
                positives=positives,
                profile=profile,
            )
        )

    @cached_property
    def _listing(self) -> int:
        """The longest list of scenarios that leaves enough of the limit to histories.

        It is the same for all users, so that their prompts differ only in their histories.
        """
        if self.encoder.max_tokens >= UNLIMITED:
            return DESCRIBED
        longest = max(self.statistics, key=lambda s: len(s["name"]))["scenario"]
        bare = [{"scenario": longest, "positives": 9999, "recent": ["-"], "frequent": []}]
        for listing in (DESCRIBED, NAMED):
            (tokens,) = self.encoder.prompt_tokens([self._user(9999, bare, {}, listing)])
            if tokens <= FRAME_SHARE * self.encoder.max_tokens:
                return listing
        return OWN

    def _scenario_prompts(self) -> list[str]:
        render = self.template.renderer("scenario")

        def write(target: dict, others: list[dict], scenarios: list[dict]) -> str:
            return self._wrapped(render(target=target, others=others, scenarios=scenarios))

        places = range(len(self.statistics))
        return self._cut_to_limit(
            "scenario", [ScenarioPrompt(write, self.statistics, place) for place in places]
        )

    def _item_prompts(self) -> pl.DataFrame:
        """Render the items' prompts: bare texts without a chat template."""
        render = self.template.renderer("item")

        def write(text: str, category: str | None) -> str:
            return render(text=text, category=category) + self._ending

        texts = item_texts(self.history, self.options)
        forms = [ItemPrompt(write, *pair) for pair in texts.select("text", "category").iter_rows()]
        prompts = self._cut_to_limit("item", forms)
        return texts.select("item").with_columns(prompt=pl.Series(prompts, dtype=pl.String))

    def _cut_to_limit(self, kind: str, prompts: Sequence[ShrinkingPrompt]) -> list[str]:
        kind = f"{kind} prompts of template {self.template.name}"
        return cut_to_budget(prompts, self.encoder, kind)

    def _wrapped(self, prompt: str) -> str:
        return self.encoder.wrap(prompt + self._ending, self._system)

    def _budget(self) -> TokenBudget | None:
        """Return the token budget of a history's texts, ``None`` without a limit."""
        if self.encoder.max_tokens >= UNLIMITED:
            return None
        return TokenBudget(self.encoder.max_tokens, self.encoder.count_tokens)


def load_template(options: KnowledgeOptions, encoder: Encoder, dataset: str) -> PromptTemplate:
    """Return the template that the options name, in the form that suits the encoder."""
    form = encoder.form if options.prompt_form == "auto" else options.prompt_form
    return PromptTemplate.load(options.prompt_template, options.prompt_language, form, dataset)
