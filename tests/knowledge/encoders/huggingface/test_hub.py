"""Models from a folder or the hub: errors, layers, revisions."""

import shutil

import pytest

from recbole_llm4msr.knowledge import KnowledgeError, prepare_knowledge
from tests.knowledge.encoders.huggingface.pretrained import encoder_of


def test_layers_that_do_not_exist_are_refused(minilm):
    for layer in (0, 7, -7):
        with pytest.raises(KnowledgeError, match="this model has 1 to 6"):
            encoder_of(minilm, knowledge_layer=layer)


def test_an_unreachable_hub_is_an_error_with_a_remedy(history, settings):
    with pytest.raises(KnowledgeError) as caught:
        prepare_knowledge(settings(knowledge="transformers", llm="nobody/nothing"), history)
    for word in ("nobody/nothing", "--knowledge=lsa", "--knowledge=endpoint", "folder"):
        assert word in str(caught.value)


@pytest.mark.parametrize("missing", ["tokenizer", "weights", "config"])
def test_an_incomplete_model_folder_is_an_error(missing, qwen, tmp_path, history, settings):
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
