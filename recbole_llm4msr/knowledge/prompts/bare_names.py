"""Prompts of bare names, for random vectors: the control that says nothing of a history."""

from __future__ import annotations

import polars as pl

from recbole_llm4msr.data.history import TrainingHistory
from recbole_llm4msr.knowledge.options import KnowledgeOptions
from recbole_llm4msr.knowledge.prompts.histories import FULL
from recbole_llm4msr.knowledge.prompts.writer import PromptPlan


def names_plan(history: TrainingHistory, options: KnowledgeOptions) -> PromptPlan:
    """Return a plan of bare names, for random vectors.

    Users, threshold and items are those of real prompts, so that the comparison is fair. There are
    no folds, since a name does not depend on the history.
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
