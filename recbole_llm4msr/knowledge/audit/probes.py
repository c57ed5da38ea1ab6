"""Probes that read a training row's label from the knowledge that the row is trained with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from recbole_llm4msr.data.history import TrainingHistory
from recbole_llm4msr.knowledge.vectors.prepared_vectors import Knowledge

_PARTS = 5  # of the users, for cross-validation


@dataclass(frozen=True)
class Estimate:
    """An AUC with the standard error that it has where nothing can be read.

    Attributes:
        auc: Probability that a positive row is scored above a negative one.
        error: Standard error of ``auc`` under the hypothesis that labels are exchangeable.
    """

    auc: float
    error: float


def user_ids(history: TrainingHistory) -> np.ndarray:
    """Return the id of every training row's user, int64 of shape (n_rows,)."""
    place = {user: number for number, user in enumerate(history.users, 1)}
    return np.array([place[user] for user in history.rows["user"]], dtype=np.int64)


def row_vectors(found: Knowledge, history: TrainingHistory) -> np.ndarray:
    """Return the user vector that every training row is trained with, (n_rows, d)."""
    index = user_ids(history) if found.train_index is None else found.train_index
    return found.user[index].numpy()


def item_vectors(found: Knowledge, history: TrainingHistory) -> np.ndarray:
    """Return the vector of every training row's item, (n_rows, d)."""
    place = {item: number for number, item in enumerate(history.item_tokens, 1)}
    return found.item[[place[item] for item in history.rows["item"]]].numpy()


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the cosine of every pair of rows, (n,); zero where a vector is zero."""
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return (one * other).sum(axis=1) / np.maximum(lengths, 1e-9)


def without_user_mean(features: np.ndarray, users: np.ndarray) -> np.ndarray:
    """Subtract from every row the mean of its user's rows; (n_rows, d)."""
    _, code, counts = np.unique(users, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), features.shape[1]))
    np.add.at(sums, code, features)
    return features - sums[code] / counts[code, None]


def cross_validated_scores(
    features: np.ndarray, label: np.ndarray, users: np.ndarray
) -> np.ndarray:
    """Score rows by a logistic regression that was fitted on the rows of other users.

    Args:
        features: What the probe reads, (n_rows, d).
        label: bool, (n_rows,).
        users: The user of every row, (n_rows,); at least two users.

    Returns:
        Probabilities of label 1, (n_rows,).
    """
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300))
    parts = GroupKFold(min(_PARTS, len(np.unique(users))))
    score = cross_val_predict(
        probe, features, label, groups=users, cv=parts, method="predict_proba"
    )
    return score[:, 1]


def within_user_auc(score: np.ndarray, label: np.ndarray, users: np.ndarray) -> Estimate:
    r"""AUC over pairs of rows of the same user, which a user's share of positives cannot raise.

    A user of :math:`n` rows is weighted by :math:`1 / (n + 1)`, which gives the least standard
    error where nothing can be read.

    Reference:
        van Elteren, "On the combination of independent two sample tests of Wilcoxon", 1960.

    Args:
        score: (n_rows,).
        label: bool, (n_rows,); at least one user has both.
        users: The user of every row, (n_rows,).
    """
    frame = pl.DataFrame({"user": users, "score": score, "label": label})
    of_user = (
        frame.with_columns(rank=pl.col("score").rank("average").over("user"))
        .group_by("user")
        .agg(
            rows=pl.len().cast(pl.Float64),
            positives=pl.col("label").sum().cast(pl.Float64),
            ranks=pl.col("rank").filter(pl.col("label")).sum(),
        )
    )
    n, positives, ranks = (of_user[name].to_numpy() for name in ("rows", "positives", "ranks"))
    pairs = positives * (n - positives)
    won = ranks - positives * (positives + 1) / 2
    weight = 1 / (n + 1)
    total = (weight * pairs).sum()
    variance = (weight**2 * pairs * (n + 1) / 12).sum()
    return Estimate(float((weight * won).sum() / total), float(np.sqrt(variance) / total))
