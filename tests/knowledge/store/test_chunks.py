"""Chunks of a store: read in any order, refused when damaged; where the store is."""

import numpy as np
import pytest

from recbole_llm4msr.knowledge import KnowledgeError
from recbole_llm4msr.knowledge.options import KnowledgeOptions
from recbole_llm4msr.knowledge.store.chunks import KnowledgeStore, keys_of, sortable, store_folder
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


def test_a_damaged_chunk_is_refused(tmp_path):
    build(tmp_path, Counting())
    path = sorted(tmp_path.rglob("*.safetensors"))[0]
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(KnowledgeError, match=r"damaged.*verify --delete"):
        shelf_of(tmp_path, Counting())


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
    options = KnowledgeOptions()
    assert store_folder(Settings(data_path=str(tmp_path)), options, "d") == tmp_path / "knowledge"
    installed = tmp_path / "site-packages" / "recbole" / "ml-100k"
    installed.mkdir(parents=True)
    for path in (installed, tmp_path / "missing", None):
        assert str(store_folder(Settings(data_path=path), options, "d")) == "dataset/d/knowledge"
    chosen = KnowledgeOptions(knowledge_path=str(tmp_path / "own"))
    assert store_folder(Settings(data_path=str(tmp_path)), chosen, "d") == tmp_path / "own"
