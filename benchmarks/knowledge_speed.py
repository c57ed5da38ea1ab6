"""Measure prompts per second of a decoder: published procedure, naive prefill, and ours.

Run by hand: ``python benchmarks/knowledge_speed.py [--shape 0.5B] [--prompts 8] [--threads 2]``.
The model has random weights, which take the same time as trained ones. The figures are in
``knowledge.md``.
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
from recbole_llm4msr.knowledge.encoders.huggingface.encoder import PretrainedEncoder, Tokenised

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
    # Prompts are token ids; the encoder only needs a tokenizer to load.
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({sign: n for n, sign in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="a").save_pretrained(folder)


def make_prompts(count: int, prefix: int, suffix: int) -> list[list[int]]:
    """Make prompts with a common prefix and suffixes of 0.5 to 1.5 times ``suffix`` tokens."""
    draw = torch.Generator().manual_seed(0)
    shared = torch.randint(1, WORDS - 1, (prefix,), generator=draw).tolist()
    lengths = [int(suffix * (0.5 + (index + 0.5) / count)) for index in range(count)]
    return [
        shared + torch.randint(1, WORDS - 1, (length,), generator=draw).tolist()
        for length in lengths
    ]


def timed(name: str, prompts: list[list[int]], work: Callable[[], object]) -> dict:
    tokens = sum(map(len, prompts))
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

        def encode(encoder: PretrainedEncoder, some: list[list[int]]) -> None:
            encoder.encode(Tokenised(some, 0), lambda *_: None)

        plain = encoder_of(knowledge_share_prefix=False, knowledge_batch_tokens=1)
        encode(plain, prompts[:1])  # warm
        timed("prefill, one by one", prompts, lambda: encode(plain, prompts))
        model = plain.runner.model

        # Batches in the order the prompts come in, padded to the longest: the usual way.
        mixed = prompts[::2] + prompts[1::2]

        def padded() -> None:
            for start in range(0, len(mixed), 4):
                plain.runner._padded(mixed[start : start + 4])

        with torch.inference_mode():
            timed("prefill, padded batches of 4", prompts, padded)
        for budget in arguments.budgets:
            for share in (False, True):
                if budget == 1 and not share:
                    continue
                ours = encoder_of(knowledge_share_prefix=share, knowledge_batch_tokens=budget)
                ours.prefix = prompts[0][: arguments.prefix] if share else []
                ours.__dict__["runner"] = type(plain.runner)(
                    model,
                    causal=True,
                    pooling=ours.pooling,
                    pad=0,
                    budget=budget,
                    prefix=ours.prefix,
                )
                encode(ours, prompts[:1])  # the prefix is computed, and checked, once per build
                name = f"prefill, sorted, {budget} tokens{', prefix shared' if share else ''}"
                timed(name, prompts, lambda ours=ours: encode(ours, prompts))
        del model, ours
        plain.__dict__.pop("runner")
        some = prompts[len(prompts) // 2 :][: arguments.generated]
        decode = encoder_of(
            knowledge_mode="generate",
            generate_max_tokens=arguments.answer,
            knowledge_batch_tokens=1,
        )
        decode.runner  # noqa: B018 (loads the weights)
        timed("generate, one by one", some, lambda: encode(decode, some))


if __name__ == "__main__":
    main()
