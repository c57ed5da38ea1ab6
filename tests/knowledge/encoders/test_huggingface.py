"""Hidden states of real and of random models: a prompt's vector is its own alone."""

import shutil

import numpy as np
import pytest
import torch

from recbole_llm4msr.knowledge import KnowledgeError, KnowledgeOptions, prepare_knowledge
from recbole_llm4msr.knowledge.encoders.huggingface.encoder import PretrainedEncoder

PROMPTS = [
    "Toys: wooden train set.",
    "Home and Garden: red garden roses; steel kitchen knife; green tea tin. Toys: null.",
    "null",
    "Home and Garden: blue running shoes; silver necklace.",
    "Toys: " + "wooden train set; " * 8,
]
CLOSE = {"float32": 1e-5, "bfloat16": 1e-4}


def encoder_of(llm, **keys):
    return PretrainedEncoder(KnowledgeOptions(knowledge="transformers", llm=llm, **keys))


def encode(encoder, prompts):
    return encoder.encode(encoder.tokenise(prompts), lambda *_: None).vectors


def distance(a, b):
    """One minus the cosine, row by row."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    return 1 - (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


@pytest.fixture
def model(request, minilm, qwen):
    return {"minilm": minilm, "qwen": qwen}[request.param]


BOTH = pytest.mark.parametrize("model", ["minilm", "qwen"], indirect=True)
POOLINGS = pytest.mark.parametrize("pooling", ["last", "mean"])


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


def test_minilm_tells_likeness(minilm):
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


def test_layers_that_do_not_exist_are_refused(minilm):
    for layer in (0, 7, -7):
        with pytest.raises(KnowledgeError, match="this model has 1 to 6"):
            encoder_of(minilm, knowledge_layer=layer)


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
def test_the_whole_path_with_a_real_and_a_random_model(model, history, settings):
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


def test_a_hub_that_cannot_be_reached_says_what_to_do(history, settings):
    with pytest.raises(KnowledgeError) as caught:
        prepare_knowledge(settings(knowledge="transformers", llm="nobody/nothing"), history)
    for word in ("nobody/nothing", "--knowledge=lsa", "--knowledge=endpoint", "folder"):
        assert word in str(caught.value)


@pytest.mark.parametrize("missing", ["tokenizer", "weights", "config"])
def test_an_incomplete_folder_says_what_is_missing(missing, qwen, tmp_path, history, settings):
    folder = tmp_path / "model"
    shutil.copytree(qwen, folder)
    for path in folder.iterdir():
        kind = {".safetensors": "weights"}.get(path.suffix, "config")
        kind = "tokenizer" if "token" in path.name or "chat" in path.name else kind
        if kind == missing:
            path.unlink()
    with pytest.raises(KnowledgeError) as caught:
        prepare_knowledge(settings(knowledge="transformers", llm=str(folder)), history)
    assert str(folder) in str(caught.value)
    wanted = "save_pretrained" if missing == "tokenizer" else "cannot be loaded"
    assert wanted in str(caught.value)


def test_changed_weights_are_another_model(qwen, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(qwen, folder)
    before = encoder_of(str(folder)).identity()
    assert before == encoder_of(str(folder)).identity()
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    assert encoder_of(str(folder)).identity()["revision"] != before["revision"]
