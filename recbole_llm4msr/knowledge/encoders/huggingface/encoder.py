"""Hidden states of any Hugging Face model: decoders and encoders, from a folder or the hub.

The published procedure decodes text for one user at a time and keeps the last hidden state. One
forward pass over the prompt (prefill) gives a state of the same model at a small part of that
cost; batches, a shared prefix and bfloat16 make it faster still.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recbole_llm4msr.knowledge.encoders.base import Encoded, Encoder, ReportProgress
from recbole_llm4msr.knowledge.encoders.huggingface.batching import default_budget
from recbole_llm4msr.knowledge.encoders.huggingface.generation import Generation
from recbole_llm4msr.knowledge.encoders.huggingface.hub import (
    depth_of,
    device_of,
    dtype_of,
    explain_loading_errors,
    has_flash_attention,
    is_causal,
    load_model,
    load_tokenizer,
    revision,
    token_limit,
    truncate_blocks,
)
from recbole_llm4msr.knowledge.encoders.huggingface.prefill import Prefill
from recbole_llm4msr.knowledge.options import KnowledgeError, KnowledgeOptions

DEFAULT_TOKENS = {"compact": 256, "full": 512}


@dataclass(frozen=True)
class Tokenised:
    """Token ids of prompts, and the number of prompts that were truncated."""

    ids: list[list[int]]
    truncated: int


class PretrainedEncoder(Encoder):
    """A model of the ``transformers`` library as an encoder of prompts.

    Configuration and tokenizer are loaded at once, the weights only when prompts are encoded: a
    complete store needs no weights.

    Args:
        options: ``llm`` names a folder or a hub id; the other model keys are used as well.

    Raises:
        KnowledgeError: The model cannot be found or reached, has no tokenizer, has a context
            shorter than ``prompt_max_tokens``, or does not support the mode or layer.
    """

    def __init__(self, options: KnowledgeOptions) -> None:
        self.options = options
        self.name = str(options.llm)
        self.generates = options.knowledge_mode == "generate"
        self.prefix: list[int] = []
        with explain_loading_errors(self.name):
            from transformers import AutoConfig

            self.config = AutoConfig.from_pretrained(self.name)
        self.tokenizer = load_tokenizer(self.name)
        self.causal = is_causal(self.config)
        self.form = "full" if self.causal else "compact"
        self.pooling = options.knowledge_pooling
        if self.pooling == "auto":
            self.pooling = "last" if self.causal else "mean"
        self.device = device_of(options.knowledge_device)
        self.dtype = dtype_of(options.knowledge_dtype, self.device)
        self.depth = depth_of(self.config, options.knowledge_layer)
        wanted, default = options.prompt_max_tokens, DEFAULT_TOKENS[self.form]
        self.max_tokens = token_limit(self.name, self.config, wanted, default)
        if self.generates and not self.causal:
            raise KnowledgeError(
                f"knowledge_mode: generate needs a decoder; {self.name} is an encoder, use prefill"
            )
        if self.generates and options.knowledge_layer != -1:
            raise KnowledgeError("knowledge_layer: generate mode keeps the last layer; use -1")

    def identity(self) -> dict[str, Any]:
        """See :class:`~recbole_llm4msr.knowledge.encoders.base.Encoder`."""
        common = {
            "encoder": "transformers",
            "model": Path(self.name).name if Path(self.name).is_dir() else self.name,
            "revision": revision(self.name, self.config),
            "mode": self.options.knowledge_mode,
            "dtype": str(self.dtype).removeprefix("torch."),
            "max_tokens": self.max_tokens,
        }
        if not self.generates:
            return {**common, "layer": self.depth, "pooling": self.pooling}
        if self.fixed_shapes:  # the shape of a batch takes part in the rounding
            common["batch_tokens"] = self._budget()
        sampled = {"seed": self.options.knowledge_seed} if self.options.generate_temperature else {}
        return {
            **common,
            "answer_tokens": self.options.generate_max_tokens,
            "temperature": self.options.generate_temperature,
            **sampled,
        }

    def vector_identity(self) -> dict[str, Any]:
        """Return :meth:`identity`: vectors do not depend on :meth:`prepare`."""
        return self.identity()

    def wrap(self, prompt: str, system: str | None) -> str:
        """Apply the model's chat template, where it has one and the prompt has a system text."""
        if not self.causal or self.tokenizer.chat_template is None or system is None:
            return prompt
        messages = [{"role": "system", "content": system}, {"role": "user", "content": prompt}]
        try:
            return self._chat(messages)
        except Exception as error:
            if "system" not in str(error).lower():
                raise
            # Some templates have no system role: put the text at the start of the user's turn.
            return self._chat([{"role": "user", "content": f"{system}\n\n{prompt}"}])

    def _chat(self, messages: list[dict[str, str]]) -> str:
        return self.tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, enable_thinking=False
        )

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        """Count the tokens of each text without the special tokens around a prompt."""
        if not len(texts):
            return np.zeros(0, dtype=np.int64)
        ids = self.tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]
        return np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))

    def prompt_tokens(self, prompts: Sequence[str]) -> np.ndarray:
        """Count the tokens of whole prompts, as :meth:`tokenise` makes them before truncation."""
        if not len(prompts):
            return np.zeros(0, dtype=np.int64)
        ids = self._ids(self._without_first_token(prompts))
        return np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))

    def _without_first_token(self, prompts: Sequence[str]) -> list[str]:
        # A chat template writes the first special token, and the tokenizer would add it again.
        return [prompt.removeprefix(self._first_token) for prompt in prompts]

    def _ids(self, texts: list[str]) -> list[list[int]]:
        """Tokenise with special tokens, without truncation."""
        return self.tokenizer(texts, truncation=False, verbose=False, return_attention_mask=False)[
            "input_ids"
        ]

    def tokenise(self, prompts: Sequence[str]) -> Tokenised:
        """Tokenise prompts and truncate those longer than ``max_tokens``."""
        texts = self._without_first_token(prompts)
        prompt_ids = self._ids(texts)
        long = [row for row, ids in enumerate(prompt_ids) if len(ids) > self.max_tokens]
        if long:
            truncated = self.tokenizer(
                [texts[row] for row in long], truncation=True, max_length=self.max_tokens
            )["input_ids"]
            for row, ids in zip(long, truncated, strict=True):
                prompt_ids[row] = ids
        return Tokenised(prompt_ids, len(long))

    @cached_property
    def _first_token(self) -> str:
        """The text of the special token that the tokenizer puts in front; empty for none."""
        first = self.tokenizer.bos_token
        opening = self.tokenizer("x")["input_ids"][:1]
        return first if first and opening == [self.tokenizer.bos_token_id] else ""

    def prepare(self, prompts: Sequence[str]) -> None:
        """Find the prefix of token ids that all prompts share, which is computed once."""
        if not self.causal or not self.options.knowledge_share_prefix or len(prompts) < 2:
            return
        # The first and the last prompt in sorted order have the shortest common prefix.
        first, last = self.tokenise([min(prompts), max(prompts)]).ids
        shared = 0
        for a, b in zip(first[:-1], last[:-1], strict=False):
            if a != b:
                break
            shared += 1
        self.prefix = first[:shared]

    def encode(self, tokenised: Tokenised, report_progress: ReportProgress) -> Encoded:
        """Prefill or generate; see :class:`~recbole_llm4msr.knowledge.encoders.base.Encoder`."""
        ids = tokenised.ids
        lengths = np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))
        if (lengths == 0).any():
            raise KnowledgeError(f"{self.name}: {(lengths == 0).sum()} prompts have no tokens")
        vectors: np.ndarray | None = None
        texts = [""] * len(ids) if self.generates else None
        for rows, states, *answers in self.runner.batches(ids):
            if vectors is None:
                vectors = np.empty((len(ids), states.shape[1]), dtype=np.float32)
            vectors[rows] = states.numpy()
            for row, text in zip(rows, *answers, strict=True) if answers else ():
                texts[row] = text
            report_progress(len(rows), int(lengths[rows].sum()))
        return Encoded(vectors, lengths, tokenised.truncated, texts)

    @cached_property
    def runner(self) -> Prefill | Generation:
        """The prefill or generation that runs the model; weights are loaded on first use."""
        options, budget = self.options, self._budget()
        if self.generates:
            return Generation(
                self._load(),
                self.tokenizer,
                budget=budget,
                max_tokens=options.generate_max_tokens,
                temperature=options.generate_temperature,
                seed=options.knowledge_seed,
                fixed_shapes=self.fixed_shapes,
            )
        return Prefill(
            self._load(),
            causal=self.causal,
            pooling=self.pooling,
            pad=self.tokenizer.pad_token_id or 0,
            budget=budget,
            prefix=self.prefix,
            packing=self.device.type == "cuda" and has_flash_attention(),
        )

    @property
    def fixed_shapes(self) -> bool:
        """Whether batches have fixed shapes: in half precision others give other answers."""
        return self.generates and self.dtype != torch.float32

    def _budget(self) -> int:
        prefills_decoder = self.causal and not self.generates
        chosen = self.options.knowledge_batch_tokens
        return chosen or default_budget(self.device, prefills_decoder)

    def _load(self) -> torch.nn.Module:
        model = load_model(self.name, self.dtype, self.device, head=self.generates)
        if not self.generates:
            truncate_blocks(model, self.depth)
        return torch.compile(model, dynamic=True) if self.options.knowledge_compile else model
