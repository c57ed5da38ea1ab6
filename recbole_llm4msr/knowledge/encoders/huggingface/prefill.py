"""Prefill: one forward pass over each prompt, padded, with a shared prefix, or packed.

All layouts give the same vectors; they differ in redundant computation.
"""

from __future__ import annotations

import copy
import inspect
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from recbole_llm4msr.knowledge.encoders.huggingface.batching import plan_batches

AGREEMENT = 0.999  # least cosine of a vector with and without shared prefix (usually far closer)
logger = logging.getLogger(__name__)


class Prefill:
    """Runs a model over prompts and pools its last hidden states.

    Args:
        model: Called with ``input_ids`` (B, L), gives ``last_hidden_state`` (B, L, d).
        causal: A token attends only to earlier tokens.
        pooling: ``last``, ``mean`` or ``eol``.
        pad: Token id to pad with.
        budget: Tokens of a batch, padding included.
        prefix: Token ids that prompts start with, computed once; needs ``causal``.
        packing: Concatenate prompts instead of padding them; needs ``causal`` and an attention
            that separates prompts by their positions.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        *,
        causal: bool,
        pooling: str,
        pad: int,
        budget: int,
        prefix: Sequence[int] = (),
        packing: bool = False,
    ) -> None:
        self.model, self.causal, self.pooling, self.pad = model, causal, pooling, pad
        self.budget, self.packing = budget, packing and causal
        self.prefix = list(prefix) if causal else []
        self.device = next(model.parameters()).device
        self._cache: Any = None
        self._cache_argument = cache_argument(model)
        self._prefix_sum: torch.Tensor | None = None
        self._checked = False

    @torch.inference_mode()
    def batches(self, ids: Sequence[list[int]]) -> Iterator[tuple[np.ndarray, torch.Tensor]]:
        """Yield the rows of every batch of prompts and their pooled states, (B, d) float32."""
        lengths = np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))
        shared = np.array([self._starts_with_prefix(prompt) for prompt in ids], dtype=bool)
        start = len(self.prefix)
        if shared.any():
            yield from self._rows(ids, np.flatnonzero(shared), lengths - start, self._with_prefix)
        whole = self._packed if self.packing else self._padded
        yield from self._rows(ids, np.flatnonzero(~shared), lengths, whole)

    def _rows(self, ids, rows: np.ndarray, lengths: np.ndarray, forward) -> Iterator:
        for batch in plan_batches(lengths[rows], self.budget):
            batch_rows = rows[batch]
            yield batch_rows, forward([ids[row] for row in batch_rows]).float().cpu()

    def _starts_with_prefix(self, prompt: list[int]) -> bool:
        start = len(self.prefix)
        return 0 < start < len(prompt) and prompt[:start] == self.prefix

    def _padded(self, ids: list[list[int]]) -> torch.Tensor:
        """Pool a batch with padding at the end: (B, d)."""
        tokens, mask = self._tensors(ids)  # (B, L) both
        # A causal model never attends to padding at the end, so only encoders need the mask.
        needs_mask = not self.causal and not bool(mask.all())
        states = self.model(
            input_ids=tokens,
            attention_mask=mask.long() if needs_mask else None,
            **({"use_cache": False} if self.causal else {}),
        ).last_hidden_state  # (B, L, d)
        return pool(states, mask, self.pooling)

    def _with_prefix(self, ids: list[list[int]]) -> torch.Tensor:
        """Pool a batch on top of the prefix's cached keys and values: (B, d)."""
        if not self._checked:
            self._check_shared_prefix(ids)
        start = len(self.prefix)
        if not start:  # the check has turned sharing off
            return self._padded(ids)
        cache = copy.deepcopy(self._prefix_cache())
        cache.batch_repeat_interleave(len(ids))
        tokens, mask = self._tensors([prompt[start:] for prompt in ids])  # (B, L) both
        states = self.model(
            input_ids=tokens, use_cache=True, **{self._cache_argument: cache}
        ).last_hidden_state  # (B, L, d)
        if self.pooling != "mean":
            return pool(states, mask, self.pooling)
        summed = (states.float() * mask.unsqueeze(-1)).sum(dim=1) + self._prefix_sum
        return summed / (mask.sum(dim=1, keepdim=True) + start)

    def _prefix_cache(self) -> Any:
        """Return the cached keys and values of the prefix; computed on first use."""
        if self._cache is None:
            from transformers import DynamicCache

            tokens = torch.tensor([self.prefix], device=self.device)
            cache = DynamicCache(config=self.model.config)
            out = self.model(input_ids=tokens, use_cache=True, **{self._cache_argument: cache})
            self._prefix_sum = out.last_hidden_state[0].float().sum(dim=0)  # (d,)
            self._cache = cache
        return self._cache

    def _check_shared_prefix(self, ids: list[list[int]]) -> None:
        """Compare the shortest prompt with and without sharing; not every cache can be repeated."""
        self._checked = True
        shortest = [min(ids, key=len)]
        whole = self._padded(shortest)[0].float()
        try:
            shared = self._with_prefix(shortest)[0].float()
            agreement = float(torch.cosine_similarity(whole, shared, dim=0))
        except (RuntimeError, TypeError, ValueError, AttributeError) as error:
            logger.warning("the prefix's cache cannot be shared with this model: %s", error)
            agreement = 0.0
        if not agreement >= AGREEMENT:
            logger.warning(
                "prompts are computed without sharing their prefix (agreement %.4f)", agreement
            )
            self.prefix = []

    def _packed(self, ids: list[list[int]]) -> torch.Tensor:
        """Pool prompts concatenated in a single row: (B, d)."""
        lengths = torch.tensor([len(prompt) for prompt in ids])
        tokens = torch.tensor([token for prompt in ids for token in prompt])[None]  # (1, N)
        places = torch.cat([torch.arange(n) for n in lengths.tolist()])[None]  # (1, N)
        states = self.model(
            input_ids=tokens.to(self.device),
            position_ids=places.to(self.device),
            use_cache=False,
        ).last_hidden_state[0]  # (N, d)
        ends = lengths.cumsum(0).to(self.device)
        if self.pooling != "mean":
            return states[ends - 1]
        owner = torch.repeat_interleave(torch.arange(len(ids)), lengths).to(self.device)
        summed = torch.zeros(len(ids), states.shape[1], device=self.device)
        summed.index_add_(0, owner, states.float())
        return summed / lengths.to(self.device)[:, None]

    def _tensors(self, ids: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Pad at the end: token ids, and the mask of real tokens, (B, L) both."""
        longest = max(map(len, ids))
        tokens = torch.full((len(ids), longest), self.pad)
        mask = torch.zeros(len(ids), longest, dtype=torch.bool)
        for row, prompt in enumerate(ids):
            tokens[row, : len(prompt)] = torch.tensor(prompt)
            mask[row, : len(prompt)] = True
        return tokens.to(self.device), mask.to(self.device)


def cache_argument(model: torch.nn.Module) -> str:
    """Return the argument of a model's ``forward`` that takes cached keys and values.

    It is ``cache`` since transformers 5.24, which accepts ``past_key_values`` until 5.40. A name
    that is not in the signature is swallowed by ``**kwargs``. Where the signature has neither (a
    wrapped model), the signatures of the model's parts decide.
    """
    for part in model.modules():
        taken = inspect.signature(part.forward).parameters
        for name in ("past_key_values", "cache"):
            if name in taken:
                return name
    return "past_key_values"


def pool(states: torch.Tensor, mask: torch.Tensor, pooling: str) -> torch.Tensor:
    """Pool states (B, L, d) over the real tokens of mask (B, L), which come first.

    ``last`` and ``eol`` take the last real token (``eol`` differs in the prompt), ``mean`` the
    mean, summed in float32.
    """
    if pooling == "mean":
        weights = mask.unsqueeze(-1).float()  # (B, L, 1)
        return (states.float() * weights).sum(dim=1) / weights.sum(dim=1)
    last = mask.sum(dim=1) - 1  # (B,)
    return states[torch.arange(len(states), device=states.device), last]
