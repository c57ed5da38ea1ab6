"""A store in a read-only folder is read there; what it lacks is written elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from recbole_llm4msr.knowledge import KnowledgeError, prepare_knowledge
from recbole_llm4msr.knowledge.store.maintenance import shelves_of, verify
from recbole_llm4msr.knowledge.store.store import KnowledgeStore
from tests.knowledge.store.test_prepared import flip

HERE = Path("dataset/tiny/knowledge")


@pytest.fixture
def ready(history, settings, tmp_path):
    """A store with all that a run needs, read-only, and the knowledge in it."""
    found = prepare_knowledge(settings(), history)
    folders = [path for path in [tmp_path / "store", *tmp_path.rglob("store/**")] if path.is_dir()]
    for folder in folders:
        folder.chmod(0o555)
    yield found
    for folder in folders:
        folder.chmod(0o755)


def content_of(folder: Path) -> dict:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_ready_knowledge_is_read_and_nothing_is_made(ready, history, settings, tmp_path) -> None:
    before = content_of(tmp_path)
    for build in (True, False):
        found = prepare_knowledge(settings(knowledge_build=build), history)
        assert "re-used all" in found.summary
        assert found.summary.endswith(f"store {tmp_path / 'store'}")
        assert torch.equal(found.user, ready.user)
    assert content_of(tmp_path) == before


def test_prepared_vectors_that_are_missing_are_made_elsewhere(ready, history, settings, tmp_path):
    before = content_of(tmp_path / "store")
    found = prepare_knowledge(settings(knowledge_size=2), history)
    assert "made 0 vectors" in found.summary
    assert found.summary.endswith(f"store {HERE}")
    assert sorted(path.parent.name for path in HERE.rglob("*.*")) == ["prepared"] * 2
    assert content_of(tmp_path / "store") == before
    assert "re-used all" in prepare_knowledge(settings(knowledge_size=2), history).summary


def test_new_prompts_are_encoded_elsewhere(ready, history, settings, tmp_path) -> None:
    before = content_of(tmp_path / "store")
    other = {"knowledge": "random", "knowledge_seed": 1}
    assert "made 6 vectors" in prepare_knowledge(settings(**other), history).summary
    assert content_of(tmp_path / "store") == before
    store = KnowledgeStore(HERE, also_read=tmp_path / "store")
    assert not [file for file in verify(store) if file.fault]
    assert {file.path.parts[0] for file in verify(store)} == {"/", "dataset"}
    assert sorted(shelf.vectors for shelf in shelves_of(store)) == [2, 4, 6]


@pytest.mark.parametrize("part", ["prepared", "vectors"])
def test_damaged_files_are_left_there_and_made_elsewhere(
    ready, history, settings, tmp_path, caplog, part
) -> None:
    damaged = list((tmp_path / "store" / part).rglob("*.safetensors"))
    for path in damaged:
        flip(path)
    size = {} if part == "prepared" else {"knowledge_size": 3}
    if part == "prepared":
        with pytest.raises(KnowledgeError, match="Set knowledge_build to True"):
            prepare_knowledge(settings(knowledge_build=False), history)
    made = 0 if part == "prepared" else 6
    assert f"made {made} vectors" in prepare_knowledge(settings(**size), history).summary
    assert "damaged" in caplog.text
    assert all(path.is_file() for path in damaged)
    caplog.clear()
    assert "re-used all" in prepare_knowledge(settings(**size), history).summary
    assert "damaged" not in caplog.text
