"""Load models and tokenizers from a folder or the hub; device, precision, layers, revision."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from recbole_llm4msr.knowledge.options import KnowledgeError

SAMPLE_BYTES = 1 << 20


def load_tokenizer(name: str) -> Any:
    """Load a model's tokenizer.

    Raises:
        KnowledgeError: It cannot be loaded, or its vocabulary is empty.
    """
    from transformers import AutoTokenizer

    why = "its vocabulary is empty"
    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
        if len(tokenizer) > len(tokenizer.all_special_ids):
            return tokenizer
    except Exception as error:  # tokenizer libraries raise all kinds of errors
        why = str(error).splitlines()[0] if str(error) else repr(error)
    raise KnowledgeError(
        f"llm: {name} has no tokenizer that can be loaded ({why}). Save one into the model's "
        "folder with tokenizer.save_pretrained(folder)"
    )


def load_model(
    name: str, dtype: torch.dtype, device: torch.device, *, head: bool
) -> torch.nn.Module:
    """Load a frozen model, with its language model head or without.

    Of a model with encoder and decoder only the encoder is kept. On a GPU a decoder uses flash
    attention where that library is installed.

    Raises:
        KnowledgeError: The weights cannot be found, reached or read.
    """
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM
    from transformers.utils import logging as library_logging

    bar, level = library_logging.is_progress_bar_enabled(), library_logging.get_verbosity()
    library_logging.disable_progress_bar()
    library_logging.set_verbosity_error()  # no warning about unused weights of the head
    kind = AutoModelForCausalLM if head else AutoModel
    try:
        with explain_loading_errors(name):
            causal = is_causal(AutoConfig.from_pretrained(name))
            flash = device.type == "cuda" and causal and has_flash_attention()
            attention = {"attn_implementation": "flash_attention_2"} if flash else {}
            model = kind.from_pretrained(name, dtype=dtype, **attention)
    finally:
        library_logging.set_verbosity(level)
        if bar:
            library_logging.enable_progress_bar()
    if getattr(model.config, "is_encoder_decoder", False):
        model = model.get_encoder()
    return model.eval().requires_grad_(False).to(device)


def is_causal(config: Any) -> bool:
    """Return whether a model is a decoder: each token attends only to earlier ones."""
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as CAUSAL,
    )
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_MASKED_LM_MAPPING_NAMES as MASKED,
    )

    if getattr(config, "is_encoder_decoder", False) or not getattr(config, "is_causal", True):
        return False
    # BERT and similar encoders are in both tables, since they can be run as decoders.
    return config.model_type in CAUSAL and config.model_type not in MASKED


def blocks_of(model: torch.nn.Module) -> tuple[torch.nn.Module, str] | None:
    """Return the module that owns the list of transformer blocks, and the list's name."""
    for owner in model.modules():
        for name in ("layers", "layer", "h", "block"):
            if isinstance(getattr(owner, name, None), torch.nn.ModuleList):
                return owner, name
    return None


def truncate_blocks(model: torch.nn.Module, depth: int) -> None:
    """Remove the blocks after block ``depth``, and the final norm, which belongs to the last.

    Raises:
        KnowledgeError: The blocks were not found in this architecture.
    """
    blocks = blocks_of(model)
    if blocks is None:
        if depth == model.config.num_hidden_layers:
            return
        raise KnowledgeError("knowledge_layer: the blocks of this model were not found; use -1")
    owner, name = blocks
    if depth == len(getattr(owner, name)):
        return
    setattr(owner, name, getattr(owner, name)[:depth])
    model.config.num_hidden_layers = depth
    for norm in ("norm", "ln_f", "final_layer_norm", "final_layernorm"):
        if isinstance(getattr(owner, norm, None), torch.nn.Module):
            setattr(owner, norm, torch.nn.Identity())


def depth_of(config: Any, layer: int) -> int:
    """Return the number of blocks to run for ``knowledge_layer``.

    Raises:
        KnowledgeError: The model has no such layer.
    """
    text = getattr(config, "get_text_config", lambda: config)()
    depth = int(text.num_hidden_layers)
    wanted = layer if layer >= 0 else depth + 1 + layer
    if not 1 <= wanted <= depth:
        raise KnowledgeError(
            f"knowledge_layer: {layer} is not a layer; this model has 1 to {depth} (or -1 to "
            f"-{depth})"
        )
    return wanted


def token_limit(name: str, config: Any, wanted: int | None, default: int) -> int:
    """Return ``prompt_max_tokens`` or its default, at most the model's context length.

    Raises:
        KnowledgeError: The model cannot read as many tokens as are wanted.
    """
    text = getattr(config, "get_text_config", lambda: config)()
    context = getattr(text, "max_position_embeddings", None) or 1 << 30
    if text.model_type in ("roberta", "xlm-roberta", "camembert"):
        context -= 2  # positions of these models start after the padding id
    if wanted is not None and wanted > context:
        raise KnowledgeError(
            f"prompt_max_tokens: {wanted} is more than {name} can read ({context} tokens); lower it"
        )
    return wanted or min(default, context)


def has_flash_attention() -> bool:
    """Return whether flash attention 2 is available."""
    from transformers.utils import is_flash_attn_2_available

    return is_flash_attn_2_available()


def device_of(name: str) -> torch.device:
    """Return the device of ``knowledge_device``; ``auto`` is a GPU where there is one.

    Raises:
        KnowledgeError: ``name`` is not a device, or this machine lacks it.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise KnowledgeError(f"knowledge_device: {name!r} is not a device of torch") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise KnowledgeError(
            f"knowledge_device: {name}, but torch finds {torch.cuda.device_count()} GPUs; auto "
            "takes the CPU where there is none"
        )
    return device


def dtype_of(name: str, device: torch.device) -> torch.dtype:
    """Return the precision of ``knowledge_dtype``; ``auto`` is bfloat16 on supporting hardware."""
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

    Of weight files only size, first and last MiB are hashed: different models differ there, and
    hashing all bytes of a large model can take longer than a build.
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
def explain_loading_errors(name: str) -> Any:
    """Convert errors of the hub and the loader to one :class:`KnowledgeError` with a remedy."""
    try:
        yield
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        reason = next((line for line in str(error).splitlines() if line.strip()), repr(error))
        where = (
            "is a folder, but" if Path(name).is_dir() else "is not a folder here, and as a hub id"
        )
        raise KnowledgeError(
            f"llm: {name} {where} it cannot be loaded: {reason}\n"
            "Use --llm=/folder/of/a/downloaded/model; a server with --knowledge=endpoint "
            "--endpoint_url=...; or --knowledge=lsa, which needs no model. A gated model needs a "
            "login at the hub; without a network HF_HUB_OFFLINE=1 avoids waiting for it."
        ) from error
