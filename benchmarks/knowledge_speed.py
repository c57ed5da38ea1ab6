"""Prompts a second of a decoder: the published procedure, naive prefill, and ours.

Run by hand: ``python benchmarks/knowledge_speed.py [--shape 0.5B] [--prompts 8] [--threads 2]``.
The model has random weights, which cost what trained ones do. The figures that were measured are
in ``knowledge.md``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from recbole_llm4msr.knowledge import KnowledgeOptions
from recbole_llm4msr.knowledge.pretrained import PretrainedEncoder

SHAPES = {  # of Qwen2-0.5B and Qwen2.5-7B
    "0.5B": {
        "hidden_size": 896,
        "intermediate_size": 4864,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
        "tie_word_embeddings": True,
    },
    "7B": {
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "tie_word_embeddings": False,
    },
}
WORDS = 151936  # the vocabulary of both


def make_model(shape: str, folder: Path) -> None:
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=WORDS, max_position_embeddings=4096, eos_token_id=WORDS - 1, **SHAPES[shape]
    )
    config.dtype = torch.bfloat16
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    Qwen2ForCausalLM(config).save_pretrained(folder)
    torch.set_default_dtype(before)
    words = {f"w{n}": n for n in range(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="w0"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="w0").save_pretrained(folder)


def make_prompts(count: int, prefix: int, suffix: int) -> list[str]:
    """Prompts with a common opening and endings of ``suffix`` tokens give or take a half."""
    draw = torch.Generator().manual_seed(0)
    opening = " ".join(f"w{n}" for n in torch.randint(1, WORDS, (prefix,), generator=draw))
    endings = []
    for at in range(count):
        length = int(suffix * (0.5 + (at + 0.5) / count))
        ids = torch.randint(1, WORDS - 1, (length,), generator=draw)
        endings.append(" ".join(f"w{n}" for n in ids))
    return [f"{opening} {ending}" for ending in endings]


def timed(name: str, prompts: list[str], tokens: int, work: Callable[[], object]) -> dict:
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    row = {
        "way": name,
        "prompts/s": round(len(prompts) / wall, 3),
        "prompt tokens/s": round(tokens / wall, 1),
        "wall s": round(wall, 2),
        "CPU s a prompt": round(cpu / len(prompts), 3),
    }
    print(json.dumps(row), flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=SHAPES, default="0.5B")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompts", type=int, default=8)
    parser.add_argument("--prefix", type=int, default=200)
    parser.add_argument("--suffix", type=int, default=250)
    parser.add_argument("--answer", type=int, default=200, help="tokens that generate decodes")
    parser.add_argument("--generated", type=int, default=1, help="prompts for generate")
    parser.add_argument("--budgets", type=int, nargs="*", default=[512, 1024, 2048])
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    prompts = make_prompts(arguments.prompts, arguments.prefix, arguments.suffix)

    with tempfile.TemporaryDirectory() as folder:
        make_model(arguments.shape, Path(folder))

        def encoder_of(**keys) -> PretrainedEncoder:
            return PretrainedEncoder(
                KnowledgeOptions(
                    knowledge="transformers",
                    llm=folder,
                    knowledge_device=arguments.device,
                    knowledge_dtype="bfloat16",
                    prompt_max_tokens=2048,
                    **keys,
                )
            )

        def encode(encoder: PretrainedEncoder, some: list[str]) -> None:
            encoder.encode(encoder.tokenise(some), lambda *_: None)

        plain = encoder_of(knowledge_share_prefix=False, knowledge_batch_tokens=1)
        tokens = int(plain.count_tokens(prompts).sum())
        encode(plain, prompts[:1])  # warm
        timed("prefill, one by one", prompts, tokens, lambda: encode(plain, prompts))
        model = plain.runner.model

        # Batches in the order the prompts come in, padded to the longest: the usual way.
        mixed = prompts[::2] + prompts[1::2]

        def padded() -> None:
            ids = plain.tokenise(mixed).ids
            for at in range(0, len(ids), 4):
                plain.runner._padded(ids[at : at + 4])

        with torch.inference_mode():
            timed("prefill, padded batches of 4", prompts, tokens, padded)
        for budget in arguments.budgets:
            for share in (False, True):
                if budget == 1 and not share:
                    continue
                ours = encoder_of(knowledge_share_prefix=share, knowledge_batch_tokens=budget)
                ours.prepare(prompts)
                ours.__dict__["runner"] = type(plain.runner)(
                    model,
                    causal=True,
                    pooling=ours.pooling,
                    pad=0,
                    budget=budget,
                    prefix=ours.prefix,
                )
                name = f"prefill, sorted, {budget} tokens{', prefix shared' if share else ''}"
                timed(name, prompts, tokens, lambda ours=ours: encode(ours, prompts))
        del model, ours
        plain.__dict__.pop("runner")
        some = prompts[len(prompts) // 2 :][: arguments.generated]
        decode = encoder_of(
            knowledge_mode="generate",
            generate_max_tokens=arguments.answer,
            knowledge_batch_tokens=1,
        )
        decode.runner  # noqa: B018 (loads the weights)
        tokens = int(plain.count_tokens(some).sum())
        timed("generate, one by one", some, tokens, lambda: encode(decode, some))


if __name__ == "__main__":
    main()
