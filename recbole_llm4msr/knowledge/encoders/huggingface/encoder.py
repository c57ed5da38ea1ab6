"""Hidden states of any Hugging Face model: decoders and encoders, from a folder or the hub.

The published procedure decodes text for one user at a time and keeps the last hidden state. One
forward pass over the prompt (prefill) gives a state of the same model at a small part of that
cost, and batches, a shared prefix and bfloat16 bring the machine to the speed it has.
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
from recbole_llm4msr.knowledge.encoders.huggingface.generation import Generation
from recbole_llm4msr.knowledge.encoders.huggingface.hub import (
    cut_behind,
    depth_of,
    device_of,
    dtype_of,
    explained,
    has_flash_attention,
    is_causal,
    load_model,
    load_tokenizer,
    revision,
)
from recbole_llm4msr.knowledge.encoders.huggingface.prefill import Prefill
from recbole_llm4msr.knowledge.options import KnowledgeError, KnowledgeOptions

DEFAULT_TOKENS = {"compact": 256, "full": 512}


@dataclass(frozen=True)
class Tokenised:
    """Token ids of prompts, and how many prompts had to be cut."""

    ids: list[list[int]]
    truncated: int


class PretrainedEncoder(Encoder):
    """A model of the ``transformers`` library as an encoder of prompts.

    The configuration and the tokenizer are read at once, the weights only when something is
    encoded: a store that lacks nothing needs no weights.

    Args:
        options: ``llm`` names a folder or a hub id; the other model keys are used as well.

    Raises:
        KnowledgeError: The model cannot be found or reached, has no tokenizer, or is shorter
            than ``prompt_max_tokens``.
    """

    def __init__(self, options: KnowledgeOptions) -> None:
        self.options = options
        self.name = str(options.llm)
        self.generates = options.knowledge_mode == "generate"
        self.prefix: list[int] = []
        with explained(self.name):
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
        self.max_tokens = self._limit()
        if self.generates and not self.causal:
            raise KnowledgeError(
                f"knowledge_mode: generate needs a decoder; {self.name} is an encoder, use prefill"
            )
        if self.generates and options.knowledge_layer != -1:
            raise KnowledgeError("knowledge_layer: generate mode keeps the last layer; use -1")

    def _limit(self) -> int:
        """Longest prompt: what is asked for, never more than the model can read."""
        text = getattr(self.config, "get_text_config", lambda: self.config)()
        context = getattr(text, "max_position_embeddings", None) or 1 << 30
        if text.model_type in ("roberta", "xlm-roberta", "camembert"):
            context -= 2  # positions of these models start behind the padding id
        wanted = self.options.prompt_max_tokens
        if wanted is not None and wanted > context:
            raise KnowledgeError(
                f"prompt_max_tokens: {wanted} is more than {self.name} can read ({context} "
                "tokens); lower it"
            )
        return wanted or min(DEFAULT_TOKENS[self.form], context)

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
        sampled = {"seed": self.options.knowledge_seed} if self.options.generate_temperature else {}
        return {
            **common,
            "answer_tokens": self.options.generate_max_tokens,
            "temperature": self.options.generate_temperature,
            **sampled,
        }

    def vector_identity(self) -> dict[str, Any]:
        """A prompt's vector does not depend on the other prompts."""
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
            # Some models know no system role: its text then opens the user's turn.
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
        """Count the tokens of whole prompts, as :meth:`tokenise` makes them before it cuts."""
        if not len(prompts):
            return np.zeros(0, dtype=np.int64)
        ids = self._ids(self._unopened(prompts))
        return np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))

    def _unopened(self, prompts: Sequence[str]) -> list[str]:
        # A chat template has already written the first special token, which must not stand twice.
        return [prompt.removeprefix(self._added) for prompt in prompts]

    def _ids(self, texts: list[str]) -> list[list[int]]:
        """Tokenise with special tokens, in the tokenizer's own threads."""
        return self.tokenizer(texts, truncation=False, verbose=False, return_attention_mask=False)[
            "input_ids"
        ]

    def tokenise(self, prompts: Sequence[str]) -> Tokenised:
        """Tokenise prompts and cut the long ones."""
        texts = self._unopened(prompts)
        plain = self._ids(texts)
        long = [at for at, ids in enumerate(plain) if len(ids) > self.max_tokens]
        if long:
            some = [texts[at] for at in long]
            cut = self.tokenizer(some, truncation=True, max_length=self.max_tokens)["input_ids"]
            for at, ids in zip(long, cut, strict=True):
                plain[at] = ids
        return Tokenised(plain, len(long))

    @cached_property
    def _added(self) -> str:
        """The text of the token that the tokenizer itself puts in front, empty for none."""
        first = self.tokenizer.bos_token
        opening = self.tokenizer("x")["input_ids"][:1]
        return first if first and opening == [self.tokenizer.bos_token_id] else ""

    def prepare(self, prompts: Sequence[str]) -> None:
        """Find the tokens that all prompts open with, so that they are computed once."""
        if not self.causal or not self.options.knowledge_share_prefix or len(prompts) < 2:
            return
        # The first and the last in sorted order share the least.
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
        out: np.ndarray | None = None
        texts = [""] * len(ids) if self.generates else None
        for rows, states, *answers in self.runner.batches(ids):
            if out is None:
                out = np.empty((len(ids), states.shape[1]), dtype=np.float32)
            out[rows] = states.numpy()
            for row, text in zip(rows, *answers, strict=True) if answers else ():
                texts[row] = text
            report_progress(len(rows), int(lengths[rows].sum()))
        return Encoded(out, lengths, tokenised.truncated, texts)

    @cached_property
    def runner(self) -> Prefill | Generation:
        """What runs the model; its weights are loaded when this is first used."""
        options = self.options
        prefills_decoder = self.causal and not self.generates
        budget = options.knowledge_batch_tokens or default_budget(self.device, prefills_decoder)
        if self.generates:
            return Generation(
                self._load(),
                self.tokenizer,
                budget=budget,
                max_tokens=options.generate_max_tokens,
                temperature=options.generate_temperature,
                seed=options.knowledge_seed,
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

    def _load(self) -> torch.nn.Module:
        model = load_model(self.name, self.dtype, self.device, head=self.generates)
        if not self.generates:
            cut_behind(model, self.depth)
        return torch.compile(model, dynamic=True) if self.options.knowledge_compile else model


def default_budget(device: torch.device, prefills_decoder: bool) -> int:
    """Tokens of a batch that keep the device busy; see benchmarks/knowledge.md.

    A CPU is busy with one prompt of a decoder, and a batch would only bring padding.
    """
    if device.type == "cuda":
        return 32768
    return 128 if prefills_decoder else 3072
