"""Chunks of a store: read in any order, made anew when damaged; where the store is."""

import os

import numpy as np
import pytest

from recbole_llm4msr.knowledge import KnowledgeError
from recbole_llm4msr.knowledge.options import KnowledgeOptions
from recbole_llm4msr.knowledge.store.chunks import keys_of, sortable
from recbole_llm4msr.knowledge.store.store import KnowledgeStore, store_of
from recbole_llm4msr.util.staging import staging_path
from tests.knowledge.conftest import Settings
from tests.knowledge.counting_encoder import PROMPTS, Counting, build, shelf_of


def test_vectors_come_back_in_the_order_of_the_prompts(tmp_path):
    encoder = Counting()
    shelf, report = build(tmp_path, encoder, PROMPTS + PROMPTS[:50])
    assert (report.made, report.reused) == (200, 0)
    assert report.tokens == sum(len(p.split()) for p in PROMPTS)
    wanted = encoder.encode(PROMPTS, lambda *_: None).vectors
    read = shelf.read(keys_of(PROMPTS))
    assert read.dtype == np.float16
    np.testing.assert_allclose(np.linalg.norm(read.astype(np.float32), axis=1), 1, atol=1e-3)
    np.testing.assert_allclose(shelf.read(keys_of(PROMPTS), raw=True), wanted, atol=4e-3)
    some = keys_of(PROMPTS[150:20:-7])
    assert (shelf.read(some) == read[150:20:-7]).all()


def test_another_encoder_has_a_shelf_of_its_own(tmp_path):
    build(tmp_path, Counting(seed=0))
    shelf, report = build(tmp_path, Counting(seed=1))
    assert report.reused == 0
    assert len(list(KnowledgeStore(tmp_path).shelves())) == 2
    assert shelf.identity["seed"] == 1


def test_a_store_folder_that_is_a_file_is_an_error(tmp_path):
    (tmp_path / "store").write_text("")
    with pytest.raises(KnowledgeError, match="cannot write"):
        build(tmp_path / "store", Counting())


@pytest.mark.parametrize("damage", [lambda c: c[:100], lambda c: c[:-1] + bytes([c[-1] ^ 1])])
def test_a_damaged_chunk_is_not_read_and_is_made_anew(tmp_path, caplog, damage):
    good, _ = build(tmp_path, Counting())
    path = good.chunks[0]
    content = path.read_bytes()
    path.write_bytes(damage(content))
    shelf = shelf_of(tmp_path, Counting())
    assert list(shelf.damaged) == [path]
    assert 0 < len(shelf) < len(PROMPTS)
    again, report = build(tmp_path, Counting())
    assert report.made == len(PROMPTS) - len(shelf)
    assert f"{path}: damaged" in caplog.text
    assert "its prompts are encoded again" in caplog.text
    assert not again.damaged
    assert path.read_bytes() == content


def test_a_damaged_identity_is_written_again(tmp_path):
    shelf, _ = build(tmp_path, Counting())
    path = shelf.folder / "encoder.json"
    content = path.read_text()
    path.write_text(content.replace("0", "1", 1))
    assert not list(KnowledgeStore(tmp_path).shelves())
    build(tmp_path, Counting())
    assert path.read_text() == content


def test_a_build_removes_what_a_killed_one_left(tmp_path):
    shelf, _ = build(tmp_path, Counting())
    left = staging_path(shelf.chunks[0])
    left = left.with_name(left.name.replace(f"-{os.getpid()}-", "-999999999-"))
    left.write_bytes(b"half")
    build(tmp_path, Counting())
    assert not left.exists()


def test_large_and_tiny_vectors_survive_half_precision(tmp_path):
    class Wild(Counting):
        def encode(self, tokenised, advance):
            found = super().encode(tokenised, advance)
            found.vectors[:] *= np.logspace(-20, 20, len(tokenised))[:, None]
            return found

    shelf, _ = build(tmp_path, Wild())
    raw = shelf.read(keys_of(PROMPTS), raw=True)
    assert np.isfinite(raw).all()
    assert (np.abs(raw).max(axis=1) > 0).all()


def test_keys_that_end_in_zeros_stay_apart():
    keys = np.zeros((3, 16), dtype=np.uint8)
    keys[1, 14], keys[2, 15] = 1, 1
    assert len(np.unique(sortable(keys))) == 3


def test_the_store_folder_is_writable(tmp_path, monkeypatch):
    def folders(path, options=None) -> list[str]:
        options = options or KnowledgeOptions()
        return list(map(str, store_of(Settings(data_path=path), options, "d").folders))

    here = "dataset/d/knowledge"
    assert folders(str(tmp_path)) == [f"{tmp_path}/knowledge"]
    installed = tmp_path / "site-packages" / "recbole" / "ml-100k"
    installed.mkdir(parents=True)
    for path in (installed, tmp_path / "missing", None):
        assert folders(path) == [here]
    own = tmp_path / "own"
    chosen = KnowledgeOptions(knowledge_path=str(own))
    assert folders(str(tmp_path), chosen) == [str(own)]
    own.mkdir(mode=0o555)
    assert folders(str(tmp_path), chosen) == [here, str(own)]
    ready = tmp_path / "data" / "knowledge"
    ready.mkdir(parents=True)
    ready.chmod(0o555)  # this folder alone
    assert folders(str(tmp_path / "data")) == [here, str(ready)]
    ready.chmod(0o755)
    ready.parent.chmod(0o555)
    assert folders(str(tmp_path / "data")) == [here, str(ready)]
    ready.parent.chmod(0o755)
