"""Contents of scenarios' prompts: statistics of their training rows."""

from __future__ import annotations

from typing import Any

import polars as pl

from recbole_llm4msr.data.history import TrainingHistory
from recbole_llm4msr.knowledge.options import KnowledgeOptions
from recbole_llm4msr.knowledge.prompts.histories import item_texts, positive_rows


def scenario_statistics(
    history: TrainingHistory, options: KnowledgeOptions
) -> list[dict[str, Any]]:
    """Describe every scenario by its training rows, in scenario id order.

    Each entry has ``scenario``, ``name``, ``description``, ``user_count``, ``item_count``,
    ``interaction_count``, ``positive_rate``, ``leading`` (structs ``name``, ``count``: categories,
    or items where there are none) and ``overlaps``: for every other scenario its ``name`` and the
    ``user_share`` and ``item_share``, the shares of this scenario's users and items that are
    in the other one too.
    """
    texts = item_texts(history, options)
    positives = positive_rows(history, texts)
    users = _members(history, "user")
    items = _members(history, "item")
    leading = "category" if options.item_category_field else "text"
    described = []
    for place, token in enumerate(history.scenarios):
        rows = history.rows.filter(pl.col("scenario") == token)
        top = (
            positives.filter((pl.col("scenario") == token) & pl.col(leading).is_not_null())
            .group_by(pl.col(leading).alias("name"))
            .agg(count=pl.len())
            .sort(["count", "name"], descending=[True, False])
            .head(options.prompt_categories)
        )
        described.append(
            {
                "scenario": token,
                "name": history.scenario_names[place],
                "description": history.scenario_descriptions[place],
                "user_count": len(users[token]),
                "item_count": len(items[token]),
                "interaction_count": rows.height,
                "positive_rate": float(rows["label"].mean() or 0.0),
                "leading": top.to_dicts(),
                "overlaps": [
                    {
                        "name": history.scenario_names[other],
                        "user_share": _share(users[token], users[name]),
                        "item_share": _share(items[token], items[name]),
                    }
                    for other, name in enumerate(history.scenarios)
                    if name != token
                ],
            }
        )
    return described


def _members(history: TrainingHistory, column: str) -> dict[str, set[str]]:
    """Return the users or items of every scenario."""
    return {
        token: set(history.rows.filter(pl.col("scenario") == token)[column].unique())
        for token in history.scenarios
    }


def _share(members: set[str], others: set[str]) -> float:
    """Return the share of ``members`` that are in ``others`` too; 0 for none."""
    return len(members & others) / len(members) if members else 0.0
