"""Atomic writing of a data set's folder: complete or not there, other files kept."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from dataset_converters.errors import ConverterError
from dataset_converters.simulation import simulate_kuaisar
from dataset_converters.writing import DatasetWriter

FRAME = pl.DataFrame({"user_id": ["a", "b"], "x": [1.5, None]})
FIELDS = {"user_id": "token", "x": "float"}


def _write(output: Path, *, overwrite: bool = False) -> None:
    with DatasetWriter(output, overwrite=overwrite) as writer:
        writer.table("inter", FIELDS).write(FRAME)
        writer.yaml({"load_col": {"inter": ["user_id"]}}, "two\nlines")


def test_written_text(tmp_path: Path) -> None:
    _write(tmp_path / "d")
    assert (tmp_path / "d" / "d.inter").read_text() == "user_id:token\tx:float\na\t1.5\nb\t\n"
    assert (tmp_path / "d" / "d.yaml").read_text().startswith("# two\n# lines\nload_col:")
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_quotes_and_breaks(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "d") as writer:
        table = writer.table("item", {"t": "token_seq"})
        table.write(pl.DataFrame({"t": ['12" vinyl', '"x"', "naïve ☃"]}))
        for bad in ("a\tb", "a\nb", "a\rb"):
            with pytest.raises(AssertionError, match="tab or line break"):
                table.write(pl.DataFrame({"t": [bad]}))
    lines = (tmp_path / "d" / "d.item").read_text(encoding="utf-8").splitlines()
    assert lines == ["t:token_seq", "12'' vinyl", "''x''", "naïve ☃"]


def test_overwriting_keeps_a_raw_archive_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "d.zip").write_text("raw")
    _write(tmp_path / "d")
    _write(tmp_path / "d", overwrite=True)
    assert (tmp_path / "d" / "d.zip").read_text() == "raw"


def test_a_symbolic_link_to_the_folder_is_kept(tmp_path: Path) -> None:
    (tmp_path / "large").mkdir()
    (tmp_path / "d").symlink_to(tmp_path / "large")
    for overwrite in (False, True):
        _write(tmp_path / "d", overwrite=overwrite)
        assert (tmp_path / "d").is_symlink()
        assert (tmp_path / "large" / "d.inter").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d", "large"]


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    def full(*_):
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space"), DatasetWriter(tmp_path / "d") as writer:
        table = writer.table("inter", FIELDS)
        table.close = full
        full()
    assert list(tmp_path.iterdir()) == []


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), DatasetWriter(tmp_path / "d") as writer:
        writer.table("inter", FIELDS).write(FRAME)
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_an_error_keeps_the_old_data_set(tmp_path: Path) -> None:
    _write(tmp_path / "d")
    before = (tmp_path / "d" / "d.inter").read_bytes()
    with (
        pytest.raises(ValueError, match="stop"),
        DatasetWriter(tmp_path / "d", overwrite=True) as w,
    ):
        w.table("inter", FIELDS)
        raise ValueError("stop")
    assert (tmp_path / "d" / "d.inter").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_overwriting_needs_the_option_and_keeps_other_files(tmp_path: Path) -> None:
    _write(tmp_path / "d")
    (tmp_path / "d" / "d.user").write_text("old")
    (tmp_path / "d" / "knowledge").mkdir()
    (tmp_path / "d" / "knowledge" / "k").write_text("vectors")
    with pytest.raises(ConverterError, match=r"already holds a data set \(d.inter, d.user.*--over"):
        DatasetWriter(tmp_path / "d")
    _write(tmp_path / "d", overwrite=True)
    names = sorted(path.name for path in (tmp_path / "d").iterdir())
    assert names == ["d.inter", "d.yaml", "knowledge"]
    assert (tmp_path / "d" / "knowledge" / "k").read_text() == "vectors"
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_a_folder_without_a_data_set_is_used(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "notes.txt").write_text("mine")
    _write(tmp_path / "d")
    assert (tmp_path / "d" / "notes.txt").read_text() == "mine"
    with pytest.raises(ConverterError, match="is a file"):
        DatasetWriter(tmp_path / "d" / "notes.txt")


def _ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_temporary_folders_of_killed_processes_are_removed(tmp_path: Path) -> None:
    stale = tmp_path / f".d.partial-{_ended_process()}"
    stale.mkdir()
    alive = tmp_path / f".d.partial-{os.getppid()}"
    alive.mkdir()
    _write(tmp_path / "d")
    assert not stale.exists()
    assert alive.exists()


def test_an_interrupted_replacement_is_finished(tmp_path: Path) -> None:
    _write(tmp_path / "d")
    former = tmp_path / f".d.former-{_ended_process()}"
    (tmp_path / "d").rename(former)
    with pytest.raises(ConverterError, match="already holds"):
        DatasetWriter(tmp_path / "d")
    assert (tmp_path / "d" / "d.inter").is_file()
    former.mkdir()
    (former / "d.inter").write_text("old")
    (former / "notes.txt").write_text("mine")
    _write(tmp_path / "d", overwrite=True)
    assert not former.exists()
    assert (tmp_path / "d" / "notes.txt").read_text() == "mine"
    assert (tmp_path / "d" / "d.inter").read_text().startswith("user_id:token")


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_command_leaves_nothing(tmp_path: Path, kind: signal.Signals) -> None:
    simulate_kuaisar(tmp_path / "raw", scale=0.02, seed=1)
    words = ["-m", "dataset_converters", "kuaisar", "--quiet", "--input", str(tmp_path / "raw")]
    output = tmp_path / "out" / "k"
    process = subprocess.Popen([sys.executable, *words, "--output", str(output)])
    for _ in range(3000):
        if list(tmp_path.glob("out/.k.partial-*")):
            break
        time.sleep(0.005)
    process.send_signal(kind)
    assert process.wait(timeout=30) != 0
    assert list((tmp_path / "out").iterdir()) == []
