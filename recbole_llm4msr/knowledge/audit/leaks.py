"""Rebuild knowledge on permuted labels, and measure what probes read of a row's own label."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from recbole_llm4msr.data.history import TrainingHistory
from recbole_llm4msr.knowledge.audit.probes import (
    Estimate,
    cosines,
    cross_validated_scores,
    item_vectors,
    row_vectors,
    user_ids,
    within_user_auc,
    without_user_mean,
)
from recbole_llm4msr.knowledge.encoders.choice import make_encoder
from recbole_llm4msr.knowledge.options import KnowledgeError, KnowledgeOptions
from recbole_llm4msr.knowledge.prompts.writer import PromptPlan, PromptWriter
from recbole_llm4msr.knowledge.vectors.by_id import assemble

VECTOR, ITEM, SIMILARITY = "vector", "item", "similarity"
DIFFERENCE, COUNT = "difference", "count"
"""The probes: a row's vector; it and its product with the item's; the cosine of the two; the
vector without the mean of its user's rows; the number of positives without that mean."""

_WIDTH = 64  # of the vectors that probes read, so that they are fitted in seconds


def leak_probes(
    history: TrainingHistory, options: KnowledgeOptions, folds: int
) -> dict[str, Estimate]:
    """Rebuild knowledge with ``lsa`` and run the probes.

    Args:
        history: Training rows whose labels can be read from nothing but a leak, see
            :func:`~.sample.permute_labels`; at least two users have both labels.
        options: The knowledge options of the run.
        folds: In the place of its ``knowledge_folds``.

    Returns:
        The AUC within users by probe. ``DIFFERENCE`` and ``COUNT`` need more than one fold.

    Raises:
        KnowledgeError: No user has a prompt.
    """
    options = replace(
        options,
        knowledge="lsa",
        knowledge_folds=folds,
        item_knowledge=True,
        knowledge_size=min(options.knowledge_size, _WIDTH),
    )
    encoder = make_encoder(options)
    plan = PromptWriter(history, options, encoder).plan()
    if not plan.full.height:
        raise KnowledgeError(
            f"{history.dataset}: no sampled user has interaction_threshold = "
            f"{options.interaction_threshold} training interactions, so no vector can be checked"
        )
    fitted = plan.full if plan.fitted is None else plan.fitted
    encoder.prepare(fitted["prompt"].to_list())

    def read(prompts: list[str]) -> np.ndarray:
        return encoder.encode(encoder.tokenise(prompts), lambda *_: None).vectors

    found = assemble(
        history,
        plan,
        read,
        lambda prompts: np.eye(len(prompts)),  # no probe reads scenarios
        size=options.knowledge_size,
        whiten=options.knowledge_whiten,
        seed=options.knowledge_seed,
    ).to_model("", "")
    return _run_probes(history, plan, row_vectors(found, history), item_vectors(found, history))


def _run_probes(
    history: TrainingHistory, plan: PromptPlan, own: np.ndarray, item: np.ndarray
) -> dict[str, Estimate]:
    label, users = history.rows["label"].to_numpy() > 0.5, user_ids(history)

    def fitted(features: np.ndarray) -> Estimate:
        return within_user_auc(cross_validated_scores(features, label, users), label, users)

    result = {
        VECTOR: fitted(own),
        ITEM: fitted(np.column_stack([own, own * item])),
        SIMILARITY: within_user_auc(cosines(own, item), label, users),
    }
    if plan.folds is not None:
        result[DIFFERENCE] = fitted(without_user_mean(own, users))
        result[COUNT] = fitted(_counts_left(history, plan, users))
    return result


def _counts_left(history: TrainingHistory, plan: PromptPlan, users: np.ndarray) -> np.ndarray:
    """Return the positives in every row's prompt without the user's mean, and that by row.

    Folds cannot hide it: the fewer positives are left, the more the row's own fold has.
    """
    pairs = history.rows.select("user", fold=pl.Series(plan.folds, dtype=pl.Int64))
    counts = plan.users.select("user", pl.col("fold").cast(pl.Int64), "positives")
    left = pairs.join(counts, on=["user", "fold"], how="left", maintain_order="left")
    left = left["positives"].fill_null(0).to_numpy().astype(np.float64)[:, None]
    centred = without_user_mean(left, users)
    rows = np.bincount(users)[users]
    return np.column_stack([centred, centred / rows[:, None]])
