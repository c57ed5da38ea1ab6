from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from recbole.utils.argument_list import dataset_arguments

from recbole_llm4msr import Config, create_dataset
from recbole_llm4msr.data.cache import DatasetCache
from tests.toy import toy_settings


def make(tmp_path, **more):
    return create_dataset(Config("STAR", "toy", None, toy_settings(tmp_path, **more)))


def kept(toy: Path) -> list[Path]:
    return sorted((toy / "cache").glob("*")) if (toy / "cache").exists() else []


def assert_same(ours, theirs) -> None:
    for attribute in ("field2type", "field2source", "feat_name_list", "scenario_names"):
        assert getattr(ours, attribute) == getattr(theirs, attribute), attribute
    assert dict(ours.field2seqlen) == dict(theirs.field2seqlen)
    for field in theirs.field2id_token:
        assert list(ours.field2id_token[field]) == list(theirs.field2id_token[field])
        assert dict(ours.field2token_id[field]) == dict(theirs.field2token_id[field])
    for dataset in (ours, theirs):
        torch.manual_seed(3)
        dataset.splits = dataset.build()
    for mine, his in zip(ours.splits, theirs.splits, strict=True):
        for feat in ("inter_feat", "user_feat", "item_feat"):
            a, b = getattr(mine, feat), getattr(his, feat)
            assert list(a.interaction) == list(b.interaction)
            for field in a.interaction:
                assert torch.equal(a[field], b[field])
                assert a[field].dtype == b[field].dtype


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"numerical_features": []},
        {"SCENARIO_FIELD": "segment", "scenario_from": {"field": "price", "bins": [3]}},
        {"rm_dup_inter": "first", "val_interval": {"timestamp": "[10,900]"}},
        {"seq_len": {"tags": 1}, "normalize_all": True},
    ],
)
def test_a_cached_data_set_equals_the_one_that_was_read(toy, tmp_path, more) -> None:
    first = make(tmp_path, **more)
    assert len(kept(toy)) == 1
    assert str(make(tmp_path, **more)) == str(first)
    assert_same(make(tmp_path, **more), make(tmp_path, dataset_cache=False, **more))
    assert len(kept(toy)) == 1


def test_a_split_given_as_files_is_cached_too(toy, tmp_path) -> None:
    lines = (toy / "toy.inter").read_text().splitlines()
    for name, rows in {
        "train": lines[1:900],
        "valid": lines[900:1200],
        "test": lines[1200:],
    }.items():
        (toy / f"toy.{name}.inter").write_text("\n".join([lines[0], *rows]) + "\n")
    more = {"benchmark_filename": ["train", "valid", "test"]}
    make(tmp_path, **more)
    assert_same(make(tmp_path, **more), make(tmp_path, dataset_cache=False, **more))


def test_changed_files_or_settings_change_the_cache_key(toy, tmp_path) -> None:
    make(tmp_path)
    make(tmp_path, normalize_field=["timestamp"])
    assert len(kept(toy)) == 2
    text = (toy / "toy.inter").read_text()
    (toy / "toy.inter").write_text(text.replace("\t1\t5\n", "\t0\t5\n"))
    make(tmp_path)
    assert len(kept(toy)) == 3


def test_scenario_settings_are_part_of_the_cache_key(toy, tmp_path, monkeypatch) -> None:
    """With RecBole's unpatched list of settings, as where a checkpoint brings the configuration."""
    own = {"SCENARIO_FIELD", "scenario_from"}
    listed = [key for key in dataset_arguments if key not in own]
    monkeypatch.setattr("recbole_llm4msr.data.cache.dataset_arguments", listed)
    for bins in ([3], [4]):
        rule = {"field": "price", "bins": bins}
        make(tmp_path, SCENARIO_FIELD="segment", scenario_from=rule)
    assert len(kept(toy)) == 2


def test_a_damaged_cache_is_written_again(toy, tmp_path, caplog) -> None:
    make(tmp_path)
    (folder,) = kept(toy)
    (folder / "inter_feat.user_id.npy").write_bytes(b"half")
    assert_same(make(tmp_path), make(tmp_path, dataset_cache=False))
    assert "damaged" in caplog.text
    assert kept(toy) == [folder]
    assert np.load(folder / "inter_feat.user_id.npy").shape == (1500,)


def _flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("inter_feat.label.npy", _flipped),
        ("inter_feat.user_id.npy", _flipped),
        ("tokens.item_id.npy", _flipped),
        ("inter_feat.item_id.npy", lambda content: b""),
        ("state.json", _flipped),
        ("state.json", lambda content: b"[]"),
        ("state.json", lambda content: b'{"columns": 3}'),
    ],
)
def test_a_damaged_file_of_the_cache_is_made_anew(toy, tmp_path, caplog, name, damage) -> None:
    make(tmp_path)
    (folder,) = kept(toy)
    before = (folder / name).read_bytes()
    (folder / name).write_bytes(damage(before))
    assert_same(make(tmp_path), make(tmp_path, dataset_cache=False))
    assert "is damaged and is made anew" in caplog.text
    assert (folder / name).read_bytes() == before


def test_a_missing_file_of_the_cache_is_made_anew(toy, tmp_path, caplog) -> None:
    make(tmp_path)
    (folder,) = kept(toy)
    (folder / "item_feat.price.npy").unlink()
    assert_same(make(tmp_path), make(tmp_path, dataset_cache=False))
    assert "is damaged and is made anew" in caplog.text


def test_a_failed_write_leaves_no_folder(toy, tmp_path, monkeypatch) -> None:
    def full_disk(*_, **__):
        raise OSError("No space left on device")

    monkeypatch.setattr(np, "save", full_disk)
    make(tmp_path)
    assert list((toy / "cache").iterdir()) == []


def test_a_read_only_folder_is_not_written_to(toy, tmp_path) -> None:
    toy.chmod(0o555)
    make(tmp_path)
    toy.chmod(0o755)
    assert not (toy / "cache").exists()
    assert list((tmp_path / "dataset" / "toy" / "cache").glob("*/state.json"))


def test_a_ready_cache_in_a_read_only_folder_is_read(toy, tmp_path, monkeypatch, caplog) -> None:
    first = make(tmp_path)
    (ready,) = kept(toy)
    monkeypatch.setattr("recbole_llm4msr.data.folders._writable", lambda folder: False)
    with monkeypatch.context() as patch:
        patch.setattr(DatasetCache, "store", lambda *_: pytest.fail("made anew"))
        assert str(make(tmp_path)) == str(first)
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)  # as in a read-only folder
    (ready / "inter_feat.label.npy").write_bytes(b"half")
    for _ in range(2):  # the second reads what the first has made
        assert_same(make(tmp_path), make(tmp_path, dataset_cache=False))
    assert "is damaged and is made anew" in caplog.text
    assert len(list((tmp_path / "dataset" / "toy" / "cache").glob("*/state.json"))) == 1


def test_a_read_only_cache_stays_as_it_is(toy, tmp_path) -> None:
    make(tmp_path)
    (ready,) = kept(toy)
    (state,) = ready.glob("state.json")
    os.utime(state, (1, 1))
    ready.chmod(0o555)
    assert_same(make(tmp_path), make(tmp_path, dataset_cache=False))
    assert state.stat().st_mtime == 1
    ready.chmod(0o755)
    make(tmp_path)
    assert state.stat().st_mtime > 1
