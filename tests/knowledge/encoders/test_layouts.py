"""Shared prefixes, packing and decoding: other layouts, the same vectors."""

import logging

import numpy as np
import pytest
import torch

from recbole_llm4msr.knowledge import KnowledgeError
from recbole_llm4msr.knowledge.encoders.huggingface.prefill import Prefill, cache_argument
from tests.knowledge.encoders.test_huggingface import CLOSE, POOLINGS, distance, encode, encoder_of

OPENING = "Home and Garden, Toys: what does this user like? "
ENDINGS = ["null", "red garden roses", "steel kitchen knife; " * 7, "silver necklace", "x"]
PROMPTS = [OPENING + ending for ending in ENDINGS] + ["another opening; green tea tin"]
DTYPES = pytest.mark.parametrize("dtype", ["float32", "bfloat16"])


@POOLINGS
@DTYPES
def test_a_shared_prefix_changes_nothing(qwen, pooling, dtype):
    keys = {"knowledge_pooling": pooling, "knowledge_dtype": dtype}
    plain = encoder_of(qwen, **keys)
    single = np.concatenate([encode(plain, [p]) for p in PROMPTS])
    sharing = encoder_of(qwen, **keys)
    sharing.prepare(PROMPTS[:-1])
    assert len(sharing.prefix) > 10
    assert len(sharing.prefix) < min(map(len, sharing.tokenise(PROMPTS[:-1]).ids))
    shared = encode(sharing, PROMPTS)
    assert sharing.runner.prefix == sharing.prefix  # its own check did not turn it off
    assert distance(single, shared).max() < CLOSE[dtype]
    if dtype == "float32":
        np.testing.assert_allclose(shared, single, atol=1e-5 * np.abs(single).max())


def test_a_shared_prefix_can_be_switched_off(qwen):
    encoder = encoder_of(qwen, knowledge_share_prefix=False)
    encoder.prepare(PROMPTS)
    assert encoder.prefix == []


def test_a_cache_that_cannot_be_shared_is_noticed(qwen, caplog, monkeypatch):
    plain = encode(encoder_of(qwen, knowledge_dtype="float32"), PROMPTS)
    encoder = encoder_of(qwen, knowledge_dtype="float32")
    encoder.prepare(PROMPTS[:-1])
    wrong = torch.roll(torch.tensor(encoder.prefix), 3).tolist()
    real = Prefill._prefix_cache

    def broken(self):
        kept, self.prefix = self.prefix, wrong
        cache = real(self)
        self.prefix = kept
        return cache

    monkeypatch.setattr(Prefill, "_prefix_cache", broken)
    with caplog.at_level(logging.WARNING):
        found = encode(encoder, PROMPTS)
    assert "without sharing their prefix" in caplog.text
    assert distance(found, plain).max() < 1e-5


@POOLINGS
@DTYPES
def test_packed_prompts_do_not_see_each_other(qwen, pooling, dtype):
    encoder = encoder_of(qwen, knowledge_pooling=pooling, knowledge_dtype=dtype)
    single = np.concatenate([encode(encoder, [p]) for p in PROMPTS])
    packed = Prefill(
        encoder.runner.model, causal=True, pooling=pooling, pad=0, budget=300, packing=True
    )
    found = np.empty_like(single)
    for rows, states in packed.batches(encoder.tokenise(PROMPTS).ids):
        found[rows] = states.numpy()
    assert distance(single, found).max() < CLOSE[dtype]


def test_eol_prompts_end_in_a_question_for_one_word(qwen, history, settings):
    from recbole_llm4msr.knowledge import KnowledgeOptions
    from recbole_llm4msr.knowledge.service import Workbench

    config = settings(knowledge="transformers", llm=qwen, knowledge_pooling="eol")
    bench = Workbench.open(config, history, KnowledgeOptions.from_config(config))
    for prompt in bench.plan().full["prompt"]:
        assert 'In one word, this means: "<|im_end|>' in prompt


class TestGenerate:
    def encoder(self, qwen, **keys):
        keys = {"knowledge_dtype": "float32", "generate_max_tokens": 6, **keys}
        return encoder_of(qwen, knowledge_mode="generate", **keys)

    def run(self, encoder, prompts):
        return encoder.encode(encoder.tokenise(prompts), lambda *_: None)

    def test_a_batch_equals_the_librarys_answers_one_by_one(self, qwen):
        """Text and the last step's state, as `generate` itself reports them."""
        from transformers import AutoModelForCausalLM

        encoder = self.encoder(qwen)
        found = self.run(encoder, PROMPTS)
        model = AutoModelForCausalLM.from_pretrained(qwen)
        for at, prompt in enumerate(PROMPTS):
            ids = torch.tensor([encoder.tokenise([prompt]).ids[0]])
            out = model.generate(
                ids,
                max_new_tokens=6,
                do_sample=False,
                output_hidden_states=True,
                return_dict_in_generate=True,
            )
            wanted = out.hidden_states[-1][-1][0, -1].numpy()
            np.testing.assert_allclose(found.vectors[at], wanted, atol=1e-4)
            text = encoder.tokenizer.decode(out.sequences[0, ids.shape[1] :], True)
            assert found.texts[at] == text

    def test_an_answer_that_ends_early_keeps_its_own_last_step(self, qwen):
        encoder = self.encoder(qwen)
        answers = torch.tensor([[5, 2, 0, 0], [5, 6, 7, 8], [2, 0, 0, 0]])
        assert encoder.runner._last_steps(answers) == [1, 3, 0]

    def test_a_sample_depends_on_seed_and_prompt_alone(self, qwen):
        hot = {"generate_temperature": 1.5}
        together = self.run(self.encoder(qwen, **hot), PROMPTS)
        single = self.run(self.encoder(qwen, **hot), PROMPTS[2:3])
        assert single.texts[0] == together.texts[2]
        np.testing.assert_allclose(single.vectors[0], together.vectors[2], atol=1e-4)
        other = self.run(self.encoder(qwen, **hot, knowledge_seed=1), PROMPTS)
        assert other.texts != together.texts
        greedy, other = self.encoder(qwen), self.encoder(qwen, knowledge_seed=1)
        assert greedy.identity() == other.identity()

    def test_samples_follow_the_models_distribution(self):
        from recbole_llm4msr.knowledge.encoders.huggingface.generation import _Sampling

        prompts = [[n] for n in range(4000)]
        chances = torch.tensor([0.7, 0.2, 0.1])
        scores = chances.log().expand(4000, 3) * 2
        drawn = _Sampling(prompts, 2.0, seed=0)(None, scores).argmax(dim=1)
        share = torch.bincount(drawn, minlength=3) / 4000
        torch.testing.assert_close(share, chances, atol=0.03, rtol=0)

    def test_texts_are_kept_in_the_store(self, qwen, history, settings, tmp_path):
        import gzip
        import json

        from recbole_llm4msr.knowledge import prepare_knowledge

        config = settings(
            knowledge="transformers",
            llm=qwen,
            knowledge_mode="generate",
            generate_max_tokens=4,
            prompt_form="compact",
        )
        prepare_knowledge(config, history)
        (path,) = (tmp_path / "store").rglob("*.jsonl.gz")
        with gzip.open(path, "rt", encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        assert len(lines) == 6  # four users, two scenarios
        assert {"key", "prompt", "text"} == set(lines[0])

    def test_it_needs_a_decoder_and_its_last_layer(self, qwen, minilm):
        with pytest.raises(KnowledgeError, match="needs a decoder"):
            self.encoder(minilm)
        with pytest.raises(KnowledgeError, match="knowledge_layer"):
            self.encoder(qwen, knowledge_layer=2)


def _new(self, input_ids=None, *, cache=None, use_cache=None, **kwargs): ...


def _old(self, input_ids=None, past_key_values=None, use_cache=None, **kwargs): ...


def _wrapper(self, *arguments, **kwargs): ...


@pytest.mark.parametrize(
    ("whole", "part", "name"),
    [
        (_new, _old, "cache"),
        (_old, _new, "past_key_values"),
        (_wrapper, _new, "cache"),
        (_wrapper, _old, "past_key_values"),
        (_wrapper, _wrapper, "past_key_values"),
    ],
)
def test_the_cache_is_handed_over_by_the_name_in_the_signature(whole, part, name):
    model = type("Whole", (torch.nn.Module,), {"forward": whole})()
    model.inner = type("Part", (torch.nn.Module,), {"forward": part})()
    assert cache_argument(model) == name


@pytest.mark.parametrize("known", ["cache", "past_key_values"])
def test_a_prefix_is_shared_by_either_name(qwen, known, monkeypatch):
    """As before transformers 5.24 and from 5.40 on: the other name is swallowed unread."""
    encoder = encoder_of(qwen, knowledge_dtype="float32")
    encoder.prepare(PROMPTS[:-1])
    model = encoder.runner.model
    inner, real = model.forward, cache_argument(model)

    def new(input_ids=None, *, cache=None, **others):
        others.pop("past_key_values", None)
        return inner(input_ids=input_ids, **({real: cache} if cache is not None else {}), **others)

    def old(input_ids=None, *, past_key_values=None, **others):
        others.pop("cache", None)
        kept = {real: past_key_values} if past_key_values is not None else {}
        return inner(input_ids=input_ids, **kept, **others)

    monkeypatch.setattr(model, "forward", {"cache": new, "past_key_values": old}[known])
    runner = encoder.runner
    again = Prefill(
        model,
        causal=runner.causal,
        pooling=runner.pooling,
        pad=runner.pad,
        budget=runner.budget,
        prefix=encoder.prefix,
    )
    ids = encoder.tokenise(PROMPTS).ids
    for rows, states in again.batches(ids):
        for row, state in zip(rows, states, strict=True):
            (_, alone), *_ = runner.batches([ids[row]])
            torch.testing.assert_close(state, alone[0], atol=1e-4, rtol=1e-3)
    assert again.prefix == encoder.prefix
