"""The frozen knowledge vectors of a model."""

from __future__ import annotations

from copy import copy

import torch
from torch import nn


class KnowledgeTable(nn.Module):
    """The frozen knowledge vectors on the model's device.

    They come at a scale of one
    (:class:`~recbole_llm4msr.knowledge.vectors.compress.Compressor`). They are not normalised
    vector by vector: that would take two degrees of freedom from each, all that two or three
    scenarios differ in, and would make the mean vector of users without a prompt as large as any
    other.

    The vectors are no part of a checkpoint (they can be large, and they are in the store); their
    fingerprint is, so that a checkpoint never meets vectors it was not trained with.

    Args:
        user: Vectors by knowledge index, shape ``(R, d)``; index i is user id i.
        scenario: Vectors by scenario, shape ``(S, d_s)``.
        item: Vectors by item id, shape ``(n_items, d_i)``, or ``None``.
        fingerprint: Says what the vectors were made of.
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
        """A copy of a model shares the vectors: RecBole copies models just to count operations."""
        twin = copy(self)
        twin._buffers = dict(self._buffers)
        return twin

    def get_extra_state(self) -> str:
        """Put the fingerprint into the checkpoint."""
        return self.fingerprint

    def set_extra_state(self, state: str) -> None:
        """Compare the fingerprint of a checkpoint with that of the vectors at hand.

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
