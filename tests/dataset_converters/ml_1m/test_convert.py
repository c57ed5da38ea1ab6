"""MovieLens 1M: layout of the release, age groups, bad rows, and a run from its download."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from dataset_converters.errors import BadRowsError, ConverterError
from dataset_converters.ml_1m import Ml1mOptions, convert_ml_1m, ml_1m_settings
from tests.dataset_converters.reference_reading import read_atomic

FILES = {
    "ratings.dat": [
        "1::1193::5::978300760",
        "1::661::3::978302109",
        "2::1193::4::978298413",
        "3::5::1::978824268",
        "3::661::4::978824269",
    ],
    "users.dat": ["1::F::1::10::48067", "2::M::25::16::70072", "3::M::56::15::55117-1234"],
    "movies.dat": [
        '5::Léon: The "Professional" (1994)::Children\'s|Sci-Fi',
        "661::James and the Giant Peach (1996)::Animation",
        "1193::One Flew Over the Cuckoo's Nest::Drama|Film-Noir",
        "9::Sudden Death (1995)::Action",
    ],
}


@pytest.fixture
def raw(tmp_path: Path) -> Callable[..., Path]:
    """Write the files of the release to a folder; given lines replace those of a file."""

    def write(**changed: list[str]) -> Path:
        folder = tmp_path / "ml-1m"
        folder.mkdir(exist_ok=True)
        for name, lines in FILES.items():
            text = "\n".join(changed.get(name.removesuffix(".dat"), lines)) + "\n"
            (folder / name).write_bytes(text.encode("latin-1"))
        return folder

    return write


def test_the_files_that_are_written(raw, tmp_path: Path) -> None:
    report = convert_ml_1m(raw(), tmp_path / "d")
    header, rows = read_atomic(tmp_path / "d" / "d.inter")
    assert header[5:] == ["rating:float"]
    assert rows == [
        ["1", "1193", "0-24", "1", "978300760", "5.0"],
        ["1", "661", "0-24", "0", "978302109", "3.0"],
        ["2", "1193", "25-34", "1", "978298413", "4.0"],
        ["3", "5", "35-99", "0", "978824268", "1.0"],
        ["3", "661", "35-99", "1", "978824269", "4.0"],
    ]
    assert read_atomic(tmp_path / "d" / "d.user")[1] == [
        ["1", "F", "under 18", "K-12 student", "48067"],
        ["2", "M", "25-34", "self-employed", "70072"],
        ["3", "M", "56 or older", "scientist", "55117-1234"],
    ]
    assert read_atomic(tmp_path / "d" / "d.item")[1] == [
        ["5", "Léon: The ''Professional''", "1994", "Children's Sci-Fi"],
        ["661", "James and the Giant Peach", "1996", "Animation"],
        ["1193", "One Flew Over the Cuckoo's Nest", "", "Drama Film-Noir"],
    ]
    assert yaml.safe_load((tmp_path / "d" / "d.yaml").read_text()) == ml_1m_settings()
    assert "MovieLens 1M is published with 1,000,209" in report.notes[0]
    assert report.dropped["item_id not in the logs (movies.dat)"] == 1


def test_the_archive_is_read_directly(raw, tmp_path: Path) -> None:
    folder = raw()
    with zipfile.ZipFile(tmp_path / "ml-1m.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"ml-1m/{path.name}")
    convert_ml_1m(tmp_path / "ml-1m.zip", tmp_path / "z" / "d")
    convert_ml_1m(folder, tmp_path / "f" / "d")
    for suffix in ("inter", "user", "item", "scenario", "yaml"):
        one, other = (tmp_path / side / "d" / f"d.{suffix}" for side in "zf")
        assert one.read_bytes() == other.read_bytes()


def test_threshold_and_core(raw, tmp_path: Path) -> None:
    convert_ml_1m(raw(), tmp_path / "d", Ml1mOptions(threshold=5))
    rows = read_atomic(tmp_path / "d" / "d.inter")[1]
    assert [row[3] for row in rows] == ["1", "0", "0", "0", "0"]
    pairs = [f"{user}::{item}::4::1" for user in (1, 2) for item in (5, 661)]
    report = convert_ml_1m(
        raw(ratings=[*pairs, "3::5::4::1"]), tmp_path / "c", Ml1mOptions(k_core=2)
    )
    assert [row[:2] for row in read_atomic(tmp_path / "c" / "c.inter")[1]] == [
        ["1", "5"],
        ["1", "661"],
        ["2", "5"],
        ["2", "661"],
    ]
    assert report.dropped["outside the 2-core"] == 1
    with pytest.raises(ConverterError, match="--threshold=1: ratings are 1 to 5 stars"):
        Ml1mOptions(threshold=1)


BAD = {
    "stars": ({"ratings": ["1::661::6::978300760"]}, "ratings.dat, line 1, column rating: 6.0"),
    "field": ({"ratings": ["1::661::5"]}, "ratings.dat, line 1: 3 fields"),
    "time": ({"ratings": ["1::661::5::x"]}, "line 1, column timestamp: 'x' is not a number"),
    "unknown user": ({"ratings": ["7::661::5::1"]}, "line 1, column user_id: the user has no"),
    "age": ({"users": ["1::F::2::10::48067"]}, "users.dat, line 1, column age: 2 is not an age"),
    "gender": ({"users": ["1::X::1::10::48067"]}, "column gender: 'X' is neither F nor M"),
    "occupation": ({"users": ["1::F::1::21::48067"]}, "column occupation: 21 is not an"),
    "second movie": (
        {"movies": ["661::A (1996)::Drama", "661::B (1996)::Drama"]},
        "movies.dat, line 2: item_id 661 was described before",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_row_is_named(raw, tmp_path: Path, case: str) -> None:
    changed, part = BAD[case]
    with pytest.raises(BadRowsError) as caught:
        convert_ml_1m(raw(**changed), tmp_path / "d")
    assert part in str(caught.value)
    assert not (tmp_path / "d").exists()


def test_bad_rows_are_accepted_and_listed(raw, tmp_path: Path) -> None:
    folder = raw(users=["1::F::1::10::48067", "2::M::99::16::70072", *FILES["users.dat"][2:]])
    report = convert_ml_1m(folder, tmp_path / "d", Ml1mOptions(max_bad_rows=2))
    rejected = [
        json.loads(line) for line in (tmp_path / "d" / "rejected.jsonl").read_text().splitlines()
    ]
    assert [(row["file"], row["line"]) for row in rejected] == [
        ("users.dat", 2),
        ("ratings.dat", 3),
    ]
    assert report.scenarios[-1]["rows"] == 4


def test_a_missing_file(raw, tmp_path: Path) -> None:
    folder = raw()
    (folder / "users.dat").unlink()
    with pytest.raises(ConverterError, match="missing file users.dat"):
        convert_ml_1m(folder, tmp_path / "d")
