"""The store: whole chunks or none, found by content, resumable, refused when damaged."""

import errno
import os
import threading

import numpy as np
import pytest

from recbole_llm4msr.knowledge import KnowledgeError
from recbole_llm4msr.knowledge.build import Shard, build_vectors
from recbole_llm4msr.knowledge.encoders.huggingface.batching import plan_batches, plan_chunks
from recbole_llm4msr.knowledge.encoders.random import NoiseEncoder
from recbole_llm4msr.knowledge.store.chunks import KnowledgeStore, keys_of, sortable

PROMPTS = [f"prompt {n} " + "word " * (n % 17) for n in range(200)]


class Counting(NoiseEncoder):
    """Counts what it encodes, and can be made to die."""

    def __init__(self, size=8, seed=0, die_after=None):
        super().__init__(size, seed)
        self.encoded, self.die_after = [], die_after

    def count_tokens(self, texts):
        return np.array([len(t.split()) for t in texts], dtype=np.int64)

    def encode(self, tokenised, advance):
        if self.die_after is not None and len(self.encoded) >= self.die_after:
            raise KeyboardInterrupt
        self.encoded += tokenised
        return super().encode(tokenised, advance)


def shelf_of(folder, encoder):
    return KnowledgeStore(folder).shelf(encoder.vector_identity())


def build(folder, encoder, prompts=PROMPTS, **keys):
    shelf = shelf_of(folder, encoder)
    keys = {"chunk_tokens": 100, "show_progress": False, **keys}
    return shelf, build_vectors(encoder, prompts, shelf, **keys)


def files(folder):
    return {p.name: p.read_bytes() for p in folder.rglob("*.safetensors")}


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


def test_nothing_is_encoded_twice(tmp_path):
    build(tmp_path, Counting(), PROMPTS[:120])
    encoder = Counting()
    _, report = build(tmp_path, encoder)
    assert (report.reused, report.made) == (120, 80)
    assert set(encoder.encoded) == set(PROMPTS[120:])


@pytest.mark.parametrize("die_after", [1, 60, 150])
def test_a_killed_build_goes_on_with_the_same_bytes(tmp_path, die_after):
    build(tmp_path / "whole", Counting())
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "killed", Counting(die_after=die_after))
    before = files(tmp_path / "killed")
    assert before
    encoder = Counting()
    _, report = build(tmp_path / "killed", encoder)
    assert report.reused > 0
    assert len(encoder.encoded) == 200 - report.reused
    assert files(tmp_path / "killed") == files(tmp_path / "whole")
    assert not list(tmp_path.rglob(".*"))


def test_shards_share_the_work_and_make_the_whole(tmp_path):
    made = [build(tmp_path, Counting(), shard=Shard(n, 3))[1].made for n in range(3)]
    assert sum(made) == 200
    assert min(made) > 40
    assert build(tmp_path, Counting())[1].made == 0
    with pytest.raises(KnowledgeError, match="must be 0 to 2"):
        Shard(3, 3)


def test_two_builds_at_once_do_not_corrupt_the_store(tmp_path):
    threads = [threading.Thread(target=build, args=(tmp_path, Counting())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shelf = shelf_of(tmp_path, Counting())
    assert len(shelf) == 200
    alone, _ = build(tmp_path / "alone", Counting())
    assert (shelf.read(keys_of(PROMPTS)) == alone.read(keys_of(PROMPTS))).all()


def test_another_encoder_has_a_shelf_of_its_own(tmp_path):
    build(tmp_path, Counting(seed=0))
    shelf, report = build(tmp_path, Counting(seed=1))
    assert report.reused == 0
    assert len(list(KnowledgeStore(tmp_path).shelves())) == 2
    assert shelf.identity["seed"] == 1


def test_a_full_disk_is_told_and_leaves_whole_chunks_only(tmp_path, monkeypatch):
    real, calls = os.fsync, []

    def full(handle):
        calls.append(handle)
        if len(calls) > 6:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(KnowledgeError, match=r"No space left on device.*kept.*knowledge_path"):
        build(tmp_path, Counting())
    monkeypatch.undo()
    assert not list(tmp_path.rglob(".*"))
    _, report = build(tmp_path, Counting())
    assert report.reused > 0
    assert report.reused + report.made == 200


def test_a_folder_that_is_a_file_is_told(tmp_path):
    (tmp_path / "store").write_text("")
    with pytest.raises(KnowledgeError, match="cannot write"):
        build(tmp_path / "store", Counting())


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_vector_that_is_not_finite_is_never_stored(tmp_path, value):
    class Broken(Counting):
        def encode(self, tokenised, advance):
            found = super().encode(tokenised, advance)
            found.vectors[0, 0] = value
            return found

    with pytest.raises(KnowledgeError, match="NaN or infinity; nothing of them is stored"):
        build(tmp_path, Broken())
    assert not files(tmp_path)


def test_a_damaged_chunk_is_refused(tmp_path):
    build(tmp_path, Counting())
    path = sorted(tmp_path.rglob("*.safetensors"))[0]
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(KnowledgeError, match=r"damaged.*verify --delete"):
        shelf_of(tmp_path, Counting())


def test_prompts_and_records_are_kept_beside_the_vectors(tmp_path):
    shelf, _ = build(tmp_path, Counting(), keep_prompts=True)
    assert len(list(shelf.folder.glob("*.jsonl.gz"))) == len(files(tmp_path))
    records = [record for _, record in shelf.records()]
    assert sum(r["prompts"] for r in records) == 200
    assert all({"tokens", "seconds", "made", "host", "versions"} <= set(r) for r in records)


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


def test_batches_hold_every_row_once_within_the_budget():
    lengths = np.random.default_rng(0).integers(1, 90, size=500)
    batches = list(plan_batches(lengths, 200))
    assert sorted(np.concatenate(batches)) == list(range(500))
    assert all(len(b) * lengths[b].max() <= 200 for b in batches)
    assert [len(b) for b in plan_batches(np.array([300, 10]), 200)] == [1, 1]


def test_chunks_behind_a_finished_one_are_cut_alike():
    lengths = np.sort(np.random.default_rng(1).integers(1, 50, size=300))[::-1]
    chunks = list(plan_chunks(lengths, 256))
    assert all(lengths[c].sum() <= 256 for c in chunks)
    start = chunks[3].stop
    again = list(plan_chunks(lengths[start:], 256))
    assert [(c.start + start, c.stop + start) for c in again] == [
        (c.start, c.stop) for c in chunks[4:]
    ]
