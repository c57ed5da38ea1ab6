"""Converted KuaiSAR against a reference reading of the raw files."""

import shutil
import zipfile
from collections import Counter
from pathlib import Path

import pytest
import yaml

from dataset_converters.errors import ConverterError
from dataset_converters.kuaisar import KuaisarOptions, convert_kuaisar
from dataset_converters.kuaisar.release import ITEM_TYPES
from dataset_converters.reading import blocks, csv_rows
from dataset_converters.simulation import simulate_kuaisar
from tests.dataset_converters.reference_reading import (
    kuaisar_inter,
    kuaisar_items,
    kuaisar_users,
    read_atomic,
    read_csv,
)


def _files(folder: Path) -> dict[str, bytes]:
    return {path.suffix: path.read_bytes() for path in sorted(folder.iterdir())}


def test_every_row_matches_the_raw_files(raw_kuaisar: Path, tmp_path: Path) -> None:
    report = convert_kuaisar(raw_kuaisar, tmp_path / "k")
    header, rows = read_atomic(tmp_path / "k" / "k.inter")
    assert header == [
        "user_id:token",
        "item_id:token",
        "scenario:token",
        "label:float",
        "timestamp:float",
    ]
    assert rows == kuaisar_inter(raw_kuaisar)
    users, items = {row[0] for row in rows}, {row[1] for row in rows}
    assert read_atomic(tmp_path / "k" / "k.user")[1] == kuaisar_users(raw_kuaisar, users)
    header, written = read_atomic(tmp_path / "k" / "k.item")
    assert written == kuaisar_items(raw_kuaisar, items)
    assert "music_id:token" in header
    assert "first_level_category_name_en:token_seq" in header
    total = report.scenarios[-1]
    assert (total["rows"], total["users"], total["items"]) == (len(rows), len(users), len(items))
    assert total["positives"] == sum(row[3] == "1" for row in rows)
    both = Counter(user for user, _ in {(row[0], row[2]) for row in rows})
    assert report.shared_users == sum(n == 2 for n in both.values())


def test_small_blocks_and_row_by_row_parsing_give_the_same_files(
    raw_kuaisar: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert_kuaisar(raw_kuaisar, tmp_path / "a" / "k", KuaisarOptions(caption=True, query=True))
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 10_000)
    convert_kuaisar(raw_kuaisar, tmp_path / "b" / "k", KuaisarOptions(caption=True, query=True))
    assert _files(tmp_path / "a" / "k") == _files(tmp_path / "b" / "k")
    monkeypatch.setattr(csv_rows, "_parse_block", lambda block, header, dialect: None)
    convert_kuaisar(raw_kuaisar, tmp_path / "c" / "k", KuaisarOptions(caption=True, query=True))
    assert _files(tmp_path / "a" / "k") == _files(tmp_path / "c" / "k")


def test_a_zip_gives_the_same_as_its_folder(raw_kuaisar: Path, tmp_path: Path) -> None:
    inside = tmp_path / "pack" / "KuaiSAR_final"
    shutil.copytree(raw_kuaisar, inside)
    archive = tmp_path / "KuaiSAR.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(inside.iterdir()):
            file.write(path, f"KuaiSAR_final/{path.name}")
    report = convert_kuaisar(archive, tmp_path / "a" / "k")
    assert report.source == "simulated KuaiSAR, small release"  # detected by the folder inside
    convert_kuaisar(inside, tmp_path / "b" / "k")
    assert _files(tmp_path / "a" / "k") == _files(tmp_path / "b" / "k")
    convert_kuaisar(archive.parent / "pack", tmp_path / "c" / "k")
    assert _files(tmp_path / "a" / "k") == _files(tmp_path / "c" / "k")


def test_the_release_is_detected_by_the_end_of_the_logs(raw_kuaisar: Path, tmp_path: Path) -> None:
    assert "full" in convert_kuaisar(raw_kuaisar, tmp_path / "k").source
    until = KuaisarOptions(until="2023-05-25")  # what is kept does not matter
    assert "full" in convert_kuaisar(raw_kuaisar, tmp_path / "cut", until).source


def test_both_layouts_are_read(tiny_kuaisar: Path, tmp_path: Path) -> None:
    report = convert_kuaisar(tiny_kuaisar, tmp_path / "k")
    assert "small" in report.source
    assert any("published with 3,171,231" in note for note in report.notes)
    header, items = read_atomic(tmp_path / "k" / "k.item")
    assert "music_id:token" not in header
    assert dict(zip(header, items[1], strict=True)) == {
        "item_id:token": "11",
        "author_id:token": "45",
        "item_type:token": "NORMAL",
        "upload_type:token": "ShortImport",
        "first_level_category_id:token": "5",
        "second_level_category_id:token": "",
        "third_level_category_id:token": "",
        "fourth_level_category_id:token": "",
        "first_level_category_name_en:token_seq": "Film, Television",
        "second_level_category_name_en:token_seq": "",
        "third_level_category_name_en:token_seq": "",
        "fourth_level_category_name_en:token_seq": "",
    }
    for name, new in (("src_inter.csv", "search_session_source"), ("user_features.csv", "reco_")):
        path = tiny_kuaisar / name
        old = "search_source" if name == "src_inter.csv" else "rec_"
        path.write_text(path.read_text().replace(old, new, 1))
    convert_kuaisar(tiny_kuaisar, tmp_path / "other" / "k")
    assert _files(tmp_path / "k") == _files(tmp_path / "other" / "k")


@pytest.mark.parametrize("types", [("all",), ("LIVE",), ("VIDEO", "LIVE")])
def test_item_types(raw_kuaisar: Path, tmp_path: Path, types: tuple[str, ...]) -> None:
    report = convert_kuaisar(raw_kuaisar, tmp_path / "k", KuaisarOptions(item_types=types))
    kept = ITEM_TYPES if types == ("all",) else types
    assert read_atomic(tmp_path / "k" / "k.inter")[1] == kuaisar_inter(raw_kuaisar, kept)
    raw = Counter(row["item_type"] for row in read_csv(raw_kuaisar / "src_inter.csv"))
    for name in set(ITEM_TYPES) - set(kept):
        assert report.dropped[f"item type {name}"] == raw[name]


def test_merging_repeats_keeps_any_click(raw_kuaisar: Path, tmp_path: Path) -> None:
    options = KuaisarOptions(repeats="merge")
    report = convert_kuaisar(raw_kuaisar, tmp_path / "k", options)
    merged: dict[tuple[str, ...], list[str]] = {}
    plain = 0
    for row in read_csv(raw_kuaisar / "src_inter.csv"):
        if row["item_type"] in ("VIDEO", "IMAGE_ATLAS"):
            plain += 1
            label = int(float(row["click_cnt"]) > 0)
            key = (row["user_id"], row["search_session_id"], row["item_id"])
            seconds = repr(float(row["search_session_timestamp"]) / 1000)
            new = [row["user_id"], row["item_id"], "search", str(label), seconds]
            old = merged.setdefault(key, new)
            old[3] = str(max(int(old[3]), label))
    rows = read_atomic(tmp_path / "k" / "k.inter")[1]
    assert [row for row in rows if row[2] == "search"] == list(merged.values())
    assert report.dropped["repeated in a session, merged"] == plain - len(merged) > 0


def test_k_core_is_over_both_scenarios(raw_kuaisar: Path, tmp_path: Path) -> None:
    report = convert_kuaisar(raw_kuaisar, tmp_path / "k", KuaisarOptions(k_core=4))
    rows = kuaisar_inter(raw_kuaisar)
    everything = len(rows)
    while True:
        users, items = Counter(row[0] for row in rows), Counter(row[1] for row in rows)
        kept = [row for row in rows if users[row[0]] >= 4 and items[row[1]] >= 4]
        if len(kept) == len(rows):
            break
        rows = kept
    assert 0 < len(rows) < everything
    assert read_atomic(tmp_path / "k" / "k.inter")[1] == rows
    assert report.dropped["outside the 4-core"] == everything - len(rows)


def test_time_range_and_sampled_users(raw_kuaisar: Path, tmp_path: Path) -> None:
    options = KuaisarOptions(since="2023-05-24", until="2023-06-01T12:00", sample_users=7, seed=5)
    convert_kuaisar(raw_kuaisar, tmp_path / "a" / "k", options)
    convert_kuaisar(raw_kuaisar, tmp_path / "b" / "k", options)
    assert _files(tmp_path / "a" / "k") == _files(tmp_path / "b" / "k")
    rows = read_atomic(tmp_path / "a" / "k" / "k.inter")[1]
    users = {row[0] for row in rows}
    assert len(users) == 7
    begin, end = 1684857600, 1685592000  # Beijing midnight and noon
    raw = [row for row in kuaisar_inter(raw_kuaisar) if begin <= float(row[4]) < end]
    assert rows == [row for row in raw if row[0] in users]


def test_query_and_caption_words(tiny_kuaisar: Path, tmp_path: Path) -> None:
    convert_kuaisar(tiny_kuaisar, tmp_path / "k", KuaisarOptions(query=True, caption=True))
    header, rows = read_atomic(tmp_path / "k" / "k.inter")
    assert header[-1] == "keyword:token_seq"
    assert [row[-1] for row in rows] == ["5 7", "5 7", "", "", "", ""]
    header, rows = read_atomic(tmp_path / "k" / "k.item")
    assert header[-1] == "caption:token_seq"
    assert [row[-1] for row in rows] == ["5 6", ""]


def test_duplicate_items_and_missing_features_are_counted(
    tiny_kuaisar: Path, tmp_path: Path
) -> None:
    path = tiny_kuaisar / "item_features.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([lines[0], lines[1], lines[1], lines[3]]) + "\n", encoding="utf-8")
    report = convert_kuaisar(tiny_kuaisar, tmp_path / "k")
    assert report.dropped["duplicate rows of one item_id"] == 1
    assert report.dropped["item_id not in the logs (item_features.csv)"] == 1
    assert [row[0] for row in read_atomic(tmp_path / "k" / "k.item")[1]] == ["10"]
    assert any(note.startswith("1 of 2 items") for note in report.notes)


def test_a_double_quote_becomes_two_apostrophes(tiny_kuaisar: Path, tmp_path: Path) -> None:
    path = tiny_kuaisar / "item_features.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("noodles", '"""quoted"" noodles"'))
    convert_kuaisar(tiny_kuaisar, tmp_path / "k")
    _, rows = read_atomic(tmp_path / "k" / "k.item")
    assert rows[0][9] == "''quoted'' noodles"


@pytest.mark.usefixtures("old_numpy_names")
def test_recbole_loads_every_row(tmp_path: Path) -> None:
    from recbole.config import Config
    from recbole.data import create_dataset

    raw = tmp_path / "raw"
    simulate_kuaisar(raw, scale=0.0002, seed=2)
    convert_kuaisar(raw, tmp_path / "k")
    settings = yaml.safe_load((tmp_path / "k" / "k.yaml").read_text())
    config = Config(
        model="DeepFM",
        dataset="k",
        config_dict={**settings, "data_path": str(tmp_path), "state": "ERROR"},
    )
    dataset = create_dataset(config)
    _, rows = read_atomic(tmp_path / "k" / "k.inter")
    assert dataset.inter_num == len(rows)
    inter = dataset.inter_feat
    for i in range(0, len(rows), 37):
        user, item, scenario, label, _ = rows[i]
        assert dataset.id2token("user_id", int(inter["user_id"][i])) == user
        assert dataset.id2token("item_id", int(inter["item_id"][i])) == item
        assert dataset.id2token("scenario", int(inter["scenario"][i])) == scenario
        assert float(inter["label"][i]) == float(label)
    header, items = read_atomic(tmp_path / "k" / "k.item")
    names = [name.partition(":")[0] for name in header]
    for row in items[::29]:
        index = dataset.token2id("item_id", row[0])
        for name in settings["load_col"]["item"][1:]:
            token = dataset.id2token(name, int(dataset.item_feat[name][index]))
            assert token == (row[names.index(name)] or "[PAD]")
    train, valid, test = dataset.build()
    assert len(train) > len(valid) > 0
    assert len(test) > 0


def test_options_are_checked() -> None:
    with pytest.raises(ConverterError, match=r"VIDEOS.*did you mean 'VIDEO'"):
        KuaisarOptions(item_types=("VIDEOS",))
    with pytest.raises(ConverterError, match="--repeats"):
        KuaisarOptions(repeats="drop")
    with pytest.raises(ConverterError, match="--release"):
        KuaisarOptions(release="v3")
    with pytest.raises(ConverterError, match="not before"):
        _ = KuaisarOptions(since="2023-06-01", until="2023-05-01").time_range
    with pytest.raises(ConverterError, match="--since=soon"):
        _ = KuaisarOptions(since="soon").time_range
