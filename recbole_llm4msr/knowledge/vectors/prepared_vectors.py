"""Knowledge vectors in the order of the ids: arrays as stored, tensors for the model, coverage."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Knowledge:
    """Knowledge vectors in the order of a data set's ids, as a model gets them.

    Attributes:
        user: (R, d) float32; row i < n_users (ids with padding 0) is user id i with the full
            training history; rows >= n_users are fold vectors.
        scenario: (S, d_s) float32 in scenario id order, without a padding row; see
            :func:`~recbole_llm4msr.knowledge.vectors.scenarios.scenario_vectors`.
        item: (n_items with padding, d) float32, or ``None``; an item without a training row has
            zeros, which is the mean.
        train_index: (n_train,) int64, the row of ``user`` for every training row, or ``None``
            where that is the user's id (a single fold).
        own: (n_users,) bool: the user has a prompt of its own.
        fingerprint: Hash of everything that determines the vectors.
        summary: One line: how many vectors were re-used or encoded, and for how many users.
    """

    user: torch.Tensor
    scenario: torch.Tensor
    item: torch.Tensor | None
    train_index: torch.Tensor | None
    own: torch.Tensor
    fingerprint: str
    summary: str


@dataclass(frozen=True)
class Coverage:
    """Count the users with and without a prompt of their own.

    Attributes:
        own: Users with a prompt of their own.
        below: Users with training rows, but fewer than the threshold, or no positive one.
        unseen: Users without any training row.
    """

    own: int
    below: int
    unseen: int

    def __str__(self) -> str:
        return (
            f"{self.own:,} users with a prompt of their own, {self.below:,} below the threshold, "
            f"{self.unseen:,} unseen"
        )

    def check(self, least: float, logger: logging.Logger) -> None:
        """Warn when the share of users with a prompt of their own is below ``least``."""
        users = self.own + self.below + self.unseen
        if users and self.own / users < least:
            logger.warning(
                "only %.1f %% of %d users have a prompt of their own (knowledge_min_coverage: %s);"
                " the others share mean vectors",
                100 * self.own / users,
                users,
                least,
            )


@dataclass(frozen=True)
class PreparedVectors:
    """The arrays of :class:`Knowledge` as they are stored.

    ``user`` and ``item`` are float16, the few scenarios' vectors float32.

    Attributes:
        user: See :class:`Knowledge`.
        scenario: See :class:`Knowledge`.
        item: See :class:`Knowledge`.
        train_index: See :class:`Knowledge`.
        own: See :class:`Knowledge`.
        coverage: How many users have a prompt of their own.
        explained: Share of the variance that the principal components keep.
    """

    user: np.ndarray
    scenario: np.ndarray
    item: np.ndarray | None
    train_index: np.ndarray | None
    own: np.ndarray
    coverage: Coverage
    explained: float

    def to_model(self, fingerprint: str, summary: str) -> Knowledge:
        """Convert the arrays to the tensors that a model gets.

        They are copied to memory that torch aligns: sums over vectors from a mapped file would
        differ in the last bit from those over the same vectors in the run that made them.
        """
        return Knowledge(
            user=torch.from_numpy(self.user).to(torch.float32, copy=True),
            scenario=torch.from_numpy(self.scenario).clone(),
            item=None
            if self.item is None
            else torch.from_numpy(self.item).to(torch.float32, copy=True),
            train_index=None if self.train_index is None else torch.from_numpy(self.train_index),
            own=torch.from_numpy(self.own),
            fingerprint=fingerprint,
            summary=summary,
        )
