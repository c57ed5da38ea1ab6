"""Protocol of the knowledge vectors of a data set: the attributes that a model may read."""

from __future__ import annotations

from typing import Protocol

import torch


class KnowledgeVectors(Protocol):
    """Vectors in the order of a data set's ids; ``knowledge.Knowledge`` is one."""

    @property
    def user(self) -> torch.Tensor:
        """(R, d) float32: row i < n_users is user id i, later rows are of users without a fold."""

    @property
    def scenario(self) -> torch.Tensor:
        """(S, d_s) float32 in the order of the scenario ids, without a padding row."""

    @property
    def item(self) -> torch.Tensor | None:
        """(n_items with padding, d) float32, or ``None`` without item knowledge."""

    @property
    def fingerprint(self) -> str:
        """Hash of everything that determines the vectors."""
