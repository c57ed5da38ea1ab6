"""Prepared knowledge on disk: the manifest and damaged files."""

import json

import pytest
import torch

from recbole_llm4msr.knowledge import KnowledgeError, prepare_knowledge
from recbole_llm4msr.knowledge.store.maintenance import verify
from recbole_llm4msr.knowledge.store.store import KnowledgeStore
from recbole_llm4msr.util.checksum import verify_checksum, with_checksum


def flip(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1  # well-formed, another number
    path.write_bytes(content)


def change_manifest(change):
    """Return a damage of a manifest: ``change`` of its content, with a checksum that is right."""

    def damage(path):
        manifest = path.with_suffix(".json")
        content = verify_checksum(json.loads(manifest.read_text()))
        change(content)
        manifest.write_text(json.dumps(with_checksum(content)))

    return damage


DAMAGES = {
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:40]),
    "flipped": flip,
    "manifest flipped": lambda path: path.with_suffix(".json").write_text(
        path.with_suffix(".json").read_text().replace('"own": 4', '"own": 5')
    ),
    "manifest cut": lambda path: path.with_suffix(".json").write_text("{"),
    "manifest is a list": lambda path: path.with_suffix(".json").write_text("[1]"),
    "a key is missing": change_manifest(lambda content: content.pop("explained_variance")),
    "a key is unknown": change_manifest(lambda content: content.update(more=1)),
    "coverage has another key": change_manifest(lambda c: c["coverage"].update(more=1)),
    "coverage lacks a key": change_manifest(lambda content: content["coverage"].pop("own")),
    "request lacks a key": change_manifest(lambda content: content["request"].pop("encoder")),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_prepared_knowledge_is_made_anew(history, settings, tmp_path, caplog, damage):
    before = prepare_knowledge(settings(), history)
    (path,) = (tmp_path / "store" / "prepared").glob("*.safetensors")
    damage(path)
    store = KnowledgeStore(tmp_path / "store")
    (fault,) = (file.fault for file in verify(store) if file.fault)
    assert "damaged" in fault
    with pytest.raises(KnowledgeError, match="Set knowledge_build to True"):
        prepare_knowledge(settings(knowledge_build=False), history)
    after = prepare_knowledge(settings(), history)
    assert "made 0 vectors" in after.summary
    assert torch.equal(after.user, before.user)
    assert "made anew from the vectors in the store" in caplog.text
    assert not [file.fault for file in verify(store) if file.fault]
    assert "re-used all" in prepare_knowledge(settings(), history).summary


def test_half_of_prepared_knowledge_is_damaged_and_made_anew(history, settings, tmp_path):
    for suffix in (".json", ".safetensors"):
        prepare_knowledge(settings(), history)
        (path,) = (tmp_path / "store" / "prepared").glob(f"*{suffix}")
        path.unlink()
        store = KnowledgeStore(tmp_path / "store")
        assert len([file for file in verify(store) if file.fault]) == 1
        assert "made 0 vectors" in prepare_knowledge(settings(), history).summary


def test_a_flipped_chunk_is_not_used(history, settings, tmp_path, caplog):
    """Where the prepared vectors are gone, the chunks are read."""
    before = prepare_knowledge(settings(), history)
    for path in (tmp_path / "store" / "prepared").iterdir():
        path.unlink()
    for path in (tmp_path / "store").glob("vectors/*/*.safetensors"):
        flip(path)
    after = prepare_knowledge(settings(), history)
    assert "made 6 vectors" in after.summary
    assert "encoded again" in caplog.text
    assert torch.equal(after.user, before.user)
    assert torch.equal(after.scenario, before.scenario)


def test_the_manifest_describes_the_prepared_knowledge(history, settings, tmp_path):
    prepare_knowledge(settings(), history)
    (path,) = (tmp_path / "store" / "prepared").glob("*.json")
    content = json.loads(path.read_text())
    assert content["dataset"] == "tiny"
    assert content["request"]["data"] == history.fingerprint
    assert content["coverage"] == {"own": 4, "below": 1, "unseen": 1}
