"""Generate mode: decode answers in batches, keep text and hidden state of the last step.

Reference:
    Wang et al., "LLM4MSR: An LLM-Enhanced Paradigm for Multi-Scenario Recommendation", CIKM 2024.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from recbole_llm4msr.knowledge.encoders.huggingface.batching import (
    plan_batches,
    plan_fixed_shapes,
)


class Generation:
    """Decodes an answer to every prompt, as the published procedure does, but in batches.

    Args:
        model: A causal language model with its head.
        tokenizer: Decodes answers; defines the end and padding tokens.
        budget: Tokens of a batch, prompts and answers together.
        max_tokens: Most tokens of an answer.
        temperature: 0 decodes greedily.
        seed: Seed of the samples. A sample depends on the seed and the prompt alone, not on the
            batch.
        fixed_shapes: Decode in batches whose shape does not depend on the other prompts, see
            :func:`~.batching.plan_fixed_shapes`.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        tokenizer: Any,
        *,
        budget: int,
        max_tokens: int,
        temperature: float = 0.0,
        seed: int = 0,
        fixed_shapes: bool = False,
    ) -> None:
        self.model, self.tokenizer, self.budget = model, tokenizer, budget
        self.max_tokens, self.temperature, self.seed = max_tokens, temperature, seed
        self.fixed_shapes = fixed_shapes
        self.device = next(model.parameters()).device

    @torch.inference_mode()
    def batches(
        self, ids: Sequence[list[int]]
    ) -> Iterator[tuple[np.ndarray, torch.Tensor, list[str]]]:
        """Yield the rows of every batch with their last states (B, d) and texts."""
        lengths = np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))
        if not self.fixed_shapes:
            for rows in plan_batches(lengths + self.max_tokens, self.budget):
                yield rows, *self._decode([ids[row] for row in rows], int(lengths[rows].max()))
            return
        for rows, width, size in plan_fixed_shapes(lengths, self.max_tokens, self.budget):
            filled = [ids[row] for row in np.resize(rows, size)]  # repeats rows
            states, texts = self._decode(filled, width)
            yield rows, states[: len(rows)], texts[: len(rows)]

    def _decode(self, ids: list[list[int]], width: int) -> tuple[torch.Tensor, list[str]]:
        """Decode prompts that are padded to ``width``: last states (B, d) and texts."""
        from transformers import GenerationConfig, LogitsProcessorList

        pad = self._pad()
        tokens = torch.full((len(ids), width), pad)
        mask = torch.zeros(len(ids), width, dtype=torch.long)
        for row, prompt in enumerate(ids):  # left padding: all answers start at one column
            tokens[row, width - len(prompt) :] = torch.tensor(prompt)
            mask[row, width - len(prompt) :] = 1
        processors = []
        if self.temperature > 0:
            processors.append(_Sampling(ids, self.temperature, self.seed))
        settings = GenerationConfig(
            max_new_tokens=self.max_tokens,
            do_sample=False,
            pad_token_id=pad,
            eos_token_id=self._ends(),
        )
        states: list[torch.Tensor] = []  # of every step, (B, d)
        hook = self.model.base_model.register_forward_hook(
            lambda _, __, out: states.append(out.last_hidden_state[:, -1].float().cpu())
        )
        try:
            whole = self.model.generate(
                input_ids=tokens.to(self.device),
                attention_mask=mask.to(self.device),
                generation_config=settings,
                logits_processor=LogitsProcessorList(processors),
            )
        finally:
            hook.remove()
        answers = whole[:, width:].cpu()  # (B, steps)
        last = self._last_steps(answers)
        kept = torch.stack([states[step][row] for row, step in enumerate(last)])
        cut = [answer[: step + 1] for answer, step in zip(answers, last, strict=True)]
        return kept, self.tokenizer.batch_decode(cut, skip_special_tokens=True)

    def _last_steps(self, answers: torch.Tensor) -> list[int]:
        """Return the step that decoded each answer's last token: its end token, or the limit."""
        ends = torch.isin(answers, torch.tensor(self._ends()))
        first = torch.where(
            ends.any(dim=1), ends.int().argmax(dim=1), torch.tensor(answers.shape[1] - 1)
        )
        return first.tolist()

    def _ends(self) -> list[int]:
        known = self.model.generation_config.eos_token_id
        ends = known if isinstance(known, list) else [known]
        return sorted({end for end in [*ends, self.tokenizer.eos_token_id] if end is not None})

    def _pad(self) -> int:
        pad = self.tokenizer.pad_token_id
        return pad if pad is not None else (self._ends() or [0])[0]


class _Sampling:
    """Adds Gumbel noise to the scores, so that their argmax is a sample at this temperature.

    Every prompt has its own generator, seeded with ``seed`` and the prompt's token ids.
    """

    def __init__(self, ids: list[list[int]], temperature: float, seed: int) -> None:
        self.temperature = temperature
        self.generators = []
        for prompt in ids:
            digest = hashlib.sha256(f"{seed}\x1f{prompt}".encode()).digest()
            number = int.from_bytes(digest[:8], "big") >> 1
            self.generators.append(torch.Generator().manual_seed(number))

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        noise = torch.stack(
            [torch.empty(scores.shape[1]).exponential_(generator=g) for g in self.generators]
        )
        return scores.float() / self.temperature - noise.log().to(scores.device)
