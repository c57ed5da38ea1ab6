"""Module with the frozen knowledge vectors of a model; a checkpoint holds their fingerprint."""

from __future__ import annotations

from copy import copy

import torch
from torch import nn


class KnowledgeTable(nn.Module):
    """The frozen knowledge vectors on the model's device.

    Their scale is one (:class:`~recbole_llm4msr.knowledge.vectors.compress.Compressor`). They are
    not normalised one by one: that would remove two degrees of freedom from each, which is all that
    two or three scenarios differ in, and would make the mean vector of users without a prompt as
    large as any other.

    The vectors are not saved in a checkpoint, as they can be large and are in the store. Their
    fingerprint is, so that a checkpoint is not used with vectors it was not trained with.

    Args:
        user: Vectors by knowledge index, shape ``(R, d)``; index i is user id i.
        scenario: Vectors by scenario, shape ``(S, d_s)``.
        item: Vectors by item id, shape ``(n_items, d_i)``, or ``None``.
        fingerprint: Hash of everything that the vectors were made from.
    """

    def __init__(
        self,
        user: torch.Tensor,
        scenario: torch.Tensor,
        item: torch.Tensor | None,
        fingerprint: str,
    ) -> None:
        super().__init__()
        for level, vectors in (("user", user), ("scenario", scenario), ("item", item)):
            self.register_buffer(level, vectors, persistent=False)
        self.fingerprint = fingerprint

    def __deepcopy__(self, memo: dict) -> KnowledgeTable:
        """Share the vectors with a copy, as RecBole copies a model only to count operations."""
        duplicate = copy(self)
        duplicate._buffers = dict(self._buffers)
        return duplicate

    def get_extra_state(self) -> str:
        """The fingerprint, to be saved in a checkpoint."""
        return self.fingerprint

    def set_extra_state(self, state: str) -> None:
        """Check that the fingerprint of a checkpoint is that of the loaded vectors.

        Raises:
            ValueError: They differ.
        """
        if state != self.fingerprint:
            raise ValueError(
                f"The checkpoint was trained with other knowledge (fingerprint {state[:12]}) than "
                f"what is loaded now ({self.fingerprint[:12]}): the training rows, the prompts or "
                "the encoder differ, or another version of this package made it. Use the data, the "
                "knowledge options and the version it was trained with."
            )
