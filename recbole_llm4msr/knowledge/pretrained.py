"""Hidden states of any Hugging Face model: decoders and encoders, from a folder or the hub.

The published procedure decodes text for one user at a time and keeps the last hidden state. One
forward pass over the prompt (prefill) gives a state of the same model at a small part of that
cost, and batches, a shared prefix and bfloat16 bring the machine to the speed it has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recbole_llm4msr.knowledge.encoder import Advance, Encoded
from recbole_llm4msr.knowledge.generation import Generation
from recbole_llm4msr.knowledge.options import KnowledgeError, KnowledgeOptions
from recbole_llm4msr.knowledge.prefill import Prefill

DEFAULT_TOKENS = {"compact": 256, "full": 512}
SAMPLE_BYTES = 1 << 20


@dataclass(frozen=True)
class Tokenised:
    """Token ids of prompts, and how many prompts had to be cut."""

    ids: list[list[int]]
    truncated: int


class PretrainedEncoder:
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
        with _explained(self.name):
            from transformers import AutoConfig

            self.config = AutoConfig.from_pretrained(self.name)
        self.tokenizer = self._load_tokenizer()
        self.causal = is_causal(self.config)
        self.form = "full" if self.causal else "compact"
        self.pooling = options.knowledge_pooling
        if self.pooling == "auto":
            self.pooling = "last" if self.causal else "mean"
        self.device = _device(options.knowledge_device)
        self.dtype = _dtype(options.knowledge_dtype, self.device)
        self.depth = _depth(self.config, options.knowledge_layer)
        self.max_tokens = self._limit()
        if self.generates and not self.causal:
            raise KnowledgeError(
                f"knowledge_mode: generate needs a decoder; {self.name} is an encoder, use prefill"
            )
        if self.generates and options.knowledge_layer != -1:
            raise KnowledgeError("knowledge_layer: generate mode keeps the last layer; use -1")

    def _load_tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(self.name)
        except Exception as error:
            raise KnowledgeError(
                f"llm: {self.name} has no tokenizer that can be loaded "
                f"({str(error).splitlines()[0]}). Save one into the model's folder with "
                "tokenizer.save_pretrained(folder)"
            ) from error
        if len(tokenizer) <= len(tokenizer.all_special_ids):
            raise KnowledgeError(
                f"llm: {self.name} has no tokenizer: its vocabulary is empty. Save one into the "
                "model's folder with tokenizer.save_pretrained(folder)"
            )
        return tokenizer

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
        """See :class:`~recbole_llm4msr.knowledge.encoder.Encoder`."""
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
        """Apply the model's chat template, where it has one and the prompt is an instruction."""
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

    def tokenise(self, prompts: Sequence[str]) -> Tokenised:
        """Tokenise prompts (in parallel, by the tokenizer's own threads) and cut the long ones."""
        # A chat template has already written its special tokens into the text.
        chat = self.causal and self.tokenizer.chat_template is not None
        plain = self.tokenizer(
            list(prompts), add_special_tokens=not chat, truncation=False, verbose=False
        )["input_ids"]
        long = [at for at, ids in enumerate(plain) if len(ids) > self.max_tokens]
        if long:
            cut = self.tokenizer(
                [prompts[at] for at in long],
                add_special_tokens=not chat,
                truncation=True,
                max_length=self.max_tokens,
            )["input_ids"]
            for at, ids in zip(long, cut, strict=True):
                plain[at] = ids
        return Tokenised(plain, len(long))

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

    def _load_model(self) -> torch.nn.Module:
        """Load the model, without a head and cut behind the wanted layer where it only reads."""
        from transformers import AutoModel, AutoModelForCausalLM
        from transformers.utils import logging as chatter

        bar, level = chatter.is_progress_bar_enabled(), chatter.get_verbosity()
        chatter.disable_progress_bar()
        chatter.set_verbosity_error()  # a head that is left out is no news
        kind = AutoModelForCausalLM if self.generates else AutoModel
        flash = self.device.type == "cuda" and self.causal and _has_flash_attention()
        attention = {"attn_implementation": "flash_attention_2"} if flash else {}
        try:
            with _explained(self.name):
                model = kind.from_pretrained(self.name, dtype=self.dtype, **attention)
        finally:
            chatter.set_verbosity(level)
            if bar:
                chatter.enable_progress_bar()
        if getattr(self.config, "is_encoder_decoder", False):
            model = model.get_encoder()
        if not self.generates:
            cut_behind(model, self.depth)
        model = model.eval().requires_grad_(False).to(self.device)
        return torch.compile(model, dynamic=True) if self.options.knowledge_compile else model

    def encode(self, tokenised: Tokenised, advance: Advance) -> Encoded:
        """Prefill or generate; see :class:`~recbole_llm4msr.knowledge.encoder.Encoder`."""
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
            advance(len(rows), int(lengths[rows].sum()))
        return Encoded(out, lengths, tokenised.truncated, texts)

    @cached_property
    def runner(self) -> Prefill | Generation:
        """What runs the model; its weights are loaded when this is first used."""
        options = self.options
        budget = options.knowledge_batch_tokens or default_budget(self.device)
        if self.generates:
            return Generation(
                self._load_model(),
                self.tokenizer,
                budget=budget,
                max_tokens=options.generate_max_tokens,
                temperature=options.generate_temperature,
                seed=options.knowledge_seed,
            )
        return Prefill(
            self._load_model(),
            causal=self.causal,
            pooling=self.pooling,
            pad=self.tokenizer.pad_token_id or 0,
            budget=budget,
            prefix=self.prefix,
            packing=self.device.type == "cuda" and _has_flash_attention(),
        )


def is_causal(config: Any) -> bool:
    """Tell a decoder, whose tokens see only what came before, from an encoder."""
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as CAUSAL,
    )
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_MASKED_LM_MAPPING_NAMES as MASKED,
    )

    if getattr(config, "is_encoder_decoder", False) or not getattr(config, "is_causal", True):
        return False
    # BERT and its kin stand in both tables: they can be run as decoders, but are not.
    return config.model_type in CAUSAL and config.model_type not in MASKED


def blocks_of(model: torch.nn.Module) -> tuple[torch.nn.Module, str] | None:
    """Return the module that holds the list of transformer blocks, and the list's name."""
    for owner in model.modules():
        for name in ("layers", "layer", "h", "block"):
            if isinstance(getattr(owner, name, None), torch.nn.ModuleList):
                return owner, name
    return None


def cut_behind(model: torch.nn.Module, depth: int) -> None:
    """Drop the blocks behind the wanted one, and with them the final norm that belongs to them."""
    found = blocks_of(model)
    if found is None:
        if depth == model.config.num_hidden_layers:
            return
        raise KnowledgeError("knowledge_layer: the blocks of this model were not found; use -1")
    owner, name = found
    if depth == len(getattr(owner, name)):
        return
    setattr(owner, name, getattr(owner, name)[:depth])
    model.config.num_hidden_layers = depth
    for norm in ("norm", "ln_f", "final_layer_norm", "final_layernorm"):
        if isinstance(getattr(owner, norm, None), torch.nn.Module):
            setattr(owner, norm, torch.nn.Identity())


def _depth(config: Any, layer: int) -> int:
    """Turn ``knowledge_layer`` into how many blocks to run."""
    text = getattr(config, "get_text_config", lambda: config)()
    depth = int(text.num_hidden_layers)
    wanted = layer if layer >= 0 else depth + 1 + layer
    if not 1 <= wanted <= depth:
        raise KnowledgeError(
            f"knowledge_layer: {layer} is not a layer; this model has 1 to {depth} (or -1 to "
            f"-{depth})"
        )
    return wanted


def _has_flash_attention() -> bool:
    from transformers.utils import is_flash_attn_2_available

    return is_flash_attn_2_available()


def default_budget(device: torch.device) -> int:
    """Tokens of a batch that keep the device busy; see benchmarks/knowledge_speed.md."""
    return 32768 if device.type == "cuda" else 3072


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.device(name)
    except RuntimeError as error:
        raise KnowledgeError(f"knowledge_device: {name!r} is no device of torch") from error


def _dtype(name: str, device: torch.device) -> torch.dtype:
    if name != "auto":
        return getattr(torch, name)
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    native = torch.backends.cpu.get_cpu_capability() in ("AVX512", "AMX") and (
        torch.cpu._is_avx512_bf16_supported()
    )
    return torch.bfloat16 if native else torch.float32


def revision(name: str, config: Any) -> str:
    """Return the hub's commit, or a fingerprint of the files of a local folder.

    Weights are sampled (size, first and last MiB): two models differ there, and a hash of every
    byte of a large model would take longer than many a build.
    """
    folder = Path(name)
    if not folder.is_dir():
        return str(getattr(config, "_commit_hash", None) or "unknown")
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix not in (".json", ".safetensors", ".bin", ".txt", ".model", ".jinja"):
            continue
        size = path.stat().st_size
        digest.update(f"{path.name}\x1f{size}\x1e".encode())
        with path.open("rb") as file:
            digest.update(file.read(SAMPLE_BYTES))
            if size > 2 * SAMPLE_BYTES:
                file.seek(-SAMPLE_BYTES, 2)
            digest.update(file.read())
    return digest.hexdigest()[:32]


@contextmanager
def _explained(name: str) -> Any:
    """Turn what the hub and the loader raise into one message that says what to do."""
    try:
        yield
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        why = next((line for line in str(error).splitlines() if line.strip()), repr(error))
        where = "is a folder, but" if Path(name).is_dir() else "is no folder here, and as a hub id"
        raise KnowledgeError(
            f"llm: {name} {where} it cannot be loaded: {why}\n"
            "What helps: --llm=/folder/of/a/downloaded/model; a server with --knowledge=endpoint "
            "--endpoint_url=...; or --knowledge=lsa, which needs no model. A gated model needs a "
            "login at the hub; without a network HF_HUB_OFFLINE=1 saves the waiting."
        ) from error
