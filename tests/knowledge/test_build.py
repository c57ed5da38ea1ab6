"""A build: resumable, sharded, whole chunks only."""

import errno
import os
import threading

import numpy as np
import pytest

from recbole_llm4msr.knowledge import KnowledgeError
from recbole_llm4msr.knowledge.build import Shard
from recbole_llm4msr.knowledge.store.chunks import keys_of
from tests.knowledge.counting_encoder import PROMPTS, Counting, build, files, shelf_of


def test_nothing_is_encoded_twice(tmp_path):
    build(tmp_path, Counting(), PROMPTS[:120])
    encoder = Counting()
    _, report = build(tmp_path, encoder)
    assert (report.reused, report.made) == (120, 80)
    assert set(encoder.encoded) == set(PROMPTS[120:])


@pytest.mark.parametrize("die_after", [1, 60, 150])
def test_a_killed_build_resumes_with_identical_files(tmp_path, die_after):
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


def test_shards_together_encode_all_prompts(tmp_path):
    made = [build(tmp_path, Counting(), shard=Shard(n, 3))[1].made for n in range(3)]
    assert sum(made) == 200
    assert min(made) > 40
    assert build(tmp_path, Counting())[1].made == 0
    with pytest.raises(KnowledgeError, match="must be 0 to 2"):
        Shard(3, 3)


def test_concurrent_builds_do_not_corrupt_the_store(tmp_path):
    threads = [threading.Thread(target=build, args=(tmp_path, Counting())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shelf = shelf_of(tmp_path, Counting())
    assert len(shelf) == 200
    alone, _ = build(tmp_path / "alone", Counting())
    assert (shelf.read(keys_of(PROMPTS)) == alone.read(keys_of(PROMPTS))).all()


def test_a_full_disk_is_an_error_and_leaves_complete_chunks_only(tmp_path, monkeypatch):
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


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_vector_that_is_not_finite_is_never_stored(tmp_path, value):
    class Broken(Counting):
        def encode(self, tokenised, advance):
            found = super().encode(tokenised, advance)
            found.vectors[0, 0] = value
            return found

    with pytest.raises(KnowledgeError, match="NaN or infinity; none of this chunk is stored"):
        build(tmp_path, Broken())
    assert not files(tmp_path)


def test_prompts_and_records_are_kept_beside_the_vectors(tmp_path):
    shelf, _ = build(tmp_path, Counting(), keep_prompts=True)
    assert len(list(shelf.folder.glob("*.jsonl.gz"))) == len(files(tmp_path))
    records = list(shelf.records())
    assert sum(r["prompts"] for r in records) == 200
    assert all({"tokens", "seconds", "made", "host", "versions"} <= set(r) for r in records)
