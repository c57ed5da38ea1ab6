"""Prepared knowledge on disk: the manifest and damaged files."""

import json

import pytest

from recbole_llm4msr.knowledge import KnowledgeError, prepare_knowledge


def test_damaged_prepared_knowledge_is_an_error(history, settings, tmp_path):
    prepare_knowledge(settings(), history)
    (path,) = (tmp_path / "store" / "prepared").glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(KnowledgeError, match=r"damaged.*delete it and run again"):
        prepare_knowledge(settings(), history)
    path.unlink()
    assert "made 0 vectors" in prepare_knowledge(settings(), history).summary


def test_the_manifest_describes_the_prepared_knowledge(history, settings, tmp_path):
    prepare_knowledge(settings(), history)
    (path,) = (tmp_path / "store" / "prepared").glob("*.json")
    content = json.loads(path.read_text())
    assert content["dataset"] == "tiny"
    assert content["request"]["data"] == history.fingerprint
    assert content["coverage"] == {"own": 4, "below": 1, "unseen": 1}
