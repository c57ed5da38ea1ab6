"""Hidden states of real and of random models: a prompt's vector depends on it alone."""

import numpy as np
import pytest
import torch

from recbole_llm4msr.knowledge import KnowledgeError, prepare_knowledge
from tests.knowledge.encoders.huggingface.pretrained import (
    CLOSE,
    POOLINGS,
    distance,
    encode,
    encoder_of,
)

PROMPTS = [
    "Toys: wooden train set.",
    "Home and Garden: red garden roses; steel kitchen knife; green tea tin. Toys: null.",
    "null",
    "Home and Garden: blue running shoes; silver necklace.",
    "Toys: " + "wooden train set; " * 8,
]


@pytest.fixture
def model(request, minilm, qwen):
    return {"minilm": minilm, "qwen": qwen}[request.param]


BOTH = pytest.mark.parametrize("model", ["minilm", "qwen"], indirect=True)


@BOTH
@POOLINGS
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_batch_equals_its_prompts_one_by_one(model, pooling, dtype):
    encoder = encoder_of(model, knowledge_pooling=pooling, knowledge_dtype=dtype)
    single = np.concatenate([encode(encoder, [p]) for p in PROMPTS])
    together = encode(encoder, PROMPTS)
    assert distance(single, together).max() < CLOSE[dtype]
    if dtype == "float32":
        np.testing.assert_allclose(together, single, atol=1e-5 * np.abs(single).max())
    others = encode(encoder, [PROMPTS[0], PROMPTS[4]])
    assert distance(others[:1], together[:1]).max() < CLOSE[dtype]


def test_minilm_vectors_reflect_similarity(minilm):
    like = encode(
        encoder_of(minilm), ["running shoes for men", "jogging sneakers", "wooden train set"]
    )
    assert distance(like[:1], like[1:2]) < 0.5 < distance(like[:1], like[2:])


def test_minilm_equals_the_plain_library(minilm):
    """Against the library's own padded batch and mean over the mask."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(minilm), AutoModel.from_pretrained(minilm)
    batch = tokenizer(PROMPTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        states = model(**batch).last_hidden_state
    mask = batch["attention_mask"].unsqueeze(-1)
    wanted = ((states * mask).sum(1) / mask.sum(1)).numpy()
    found = encode(encoder_of(minilm, knowledge_dtype="float32"), PROMPTS)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@BOTH
@pytest.mark.parametrize("layer", [1, -2, 4])
def test_a_middle_layer_is_the_librarys(model, layer):
    from transformers import AutoModel

    encoder = encoder_of(
        model, knowledge_layer=layer, knowledge_dtype="float32", knowledge_pooling="last"
    )
    found = encode(encoder, PROMPTS[:1])
    ids = torch.tensor([encoder.tokenise(PROMPTS[:1]).ids[0]])
    with torch.no_grad():
        states = AutoModel.from_pretrained(model)(ids, output_hidden_states=True).hidden_states
    np.testing.assert_allclose(found[0], states[layer][0, -1].numpy(), atol=2e-5)


def test_an_encoder_reads_compact_prompts_and_a_decoder_instructions(minilm, qwen):
    assert (encoder_of(minilm).form, encoder_of(minilm).pooling) == ("compact", "mean")
    assert (encoder_of(qwen).form, encoder_of(qwen).pooling) == ("full", "last")
    assert encoder_of(minilm).max_tokens == 256
    wrapped = encoder_of(qwen).wrap("hello", "be brief")
    assert wrapped == (
        "<|im_start|>system\nbe brief<|im_end|>\n<|im_start|>user\nhello<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert encoder_of(minilm).wrap("hello", "be brief") == "hello"


@BOTH
def test_prepare_knowledge_with_pretrained_models(model, history, settings):
    keys = {"knowledge": "transformers", "llm": model, "knowledge_folds": 2}
    found = prepare_knowledge(settings(**keys, item_knowledge=True), history)
    again = prepare_knowledge(settings(**keys, item_knowledge=True), history)
    assert torch.equal(found.user, again.user)
    assert torch.isfinite(found.user).all()
    assert found.own.sum() == 4
    assert "made" in found.summary
    assert "re-used all" in again.summary


def test_prompts_longer_than_the_limit_are_cut_and_counted(minilm):
    encoder = encoder_of(minilm, prompt_max_tokens=16)
    found = encoder.encode(encoder.tokenise(PROMPTS), lambda *_: None)
    assert found.truncated == 2
    assert found.tokens.max() == 16


def test_prompts_longer_than_the_models_context_are_refused(minilm):
    with pytest.raises(KnowledgeError, match=r"prompt_max_tokens: 600 is more than .*512 tokens"):
        encoder_of(minilm, prompt_max_tokens=600)
