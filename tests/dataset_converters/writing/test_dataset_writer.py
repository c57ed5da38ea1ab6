"""Atomic writing of a data set's folder: complete or not there, other files kept."""

import errno
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from dataset_converters import full_disk, staging
from dataset_converters.errors import ConverterError
from dataset_converters.simulation import simulate_kuaisar
from dataset_converters.staging import staging_path
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


class FullDisk(io.RawIOBase):
    """A file on a disk that takes a number of bytes."""

    def __init__(self, path: Path, room: int) -> None:
        self.file, self.room = io.FileIO(path, "wb"), room

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:
        if self.room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self.file.write(memoryview(data)[: self.room])
        self.room -= written
        return written

    def fileno(self) -> int:
        return self.file.fileno()


@pytest.mark.parametrize("room", [0, 4096, 40_000], ids=["first byte", "middle", "flush at end"])
@pytest.mark.parametrize("existing", [False, True])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch, room, existing):
    if existing:
        _write(tmp_path / "d")
    before = {path: path.read_bytes() for path in tmp_path.glob("d/*")}
    usual = Path.open
    monkeypatch.setattr(
        Path,
        "open",
        lambda path, mode="r", **more: (
            io.BufferedWriter(FullDisk(path, room))
            if path.suffix == ".inter" and mode == "wb"
            else usual(path, mode, **more)
        ),
    )
    monkeypatch.setattr(full_disk, "_free", lambda _: 123_456)
    rows = pl.DataFrame({"user_id": ["a" * 18] * 2000, "x": [1.5] * 2000})
    with (
        pytest.raises(OSError, match="could not be written") as raised,
        DatasetWriter(tmp_path / "d", overwrite=True) as writer,
    ):
        writer.table("inter", FIELDS).write(rows)
    free = f"{(123_456 + room) / 1e6:.1f} MB"
    assert str(raised.value) == (
        f"{tmp_path / 'd'} could not be written (No space left on device): it needs more than "
        f"{free}, {free} are free there; what was there before is as it was. Free some space, or "
        "give another place, and run the same command again."
    )
    assert {path: path.read_bytes() for path in tmp_path.glob("d/*")} == before
    assert [path.name for path in tmp_path.iterdir()] == ["d"] * existing


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


def _of_an_ended_process(monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], Path], path: Path):
    """Return a temporary name as a process that has ended would have made it."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    with monkeypatch.context() as ended:
        ended.setattr(os, "getpid", lambda: process.pid)
        return make(path)


def _former_path(path: Path) -> Path:
    return staging._marked(path, staging._FORMER)


def test_temporary_folders_of_killed_processes_are_removed(tmp_path, monkeypatch) -> None:
    stale = _of_an_ended_process(monkeypatch, staging_path, tmp_path / "d")
    other_data_set = _of_an_ended_process(monkeypatch, staging_path, tmp_path / "e")
    with monkeypatch.context() as elsewhere:  # a shared disk: the number means nothing here
        elsewhere.setattr(staging.socket, "gethostname", lambda: "elsewhere")
        other_host = _of_an_ended_process(monkeypatch, staging_path, tmp_path / "d")
        other_former = _of_an_ended_process(monkeypatch, _former_path, tmp_path / "d")
    alive = staging_path(tmp_path / "d")
    kept = [other_data_set, other_host, other_former, alive]
    for folder in [stale, *kept]:
        folder.mkdir()
    _write(tmp_path / "d")
    assert not stale.exists()
    assert all(folder.is_dir() for folder in kept)


def test_an_interrupted_replacement_is_finished(tmp_path, monkeypatch) -> None:
    _write(tmp_path / "d")
    former = _of_an_ended_process(monkeypatch, _former_path, tmp_path / "d")
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


def test_equal_commands_at_once_replace_each_other(tmp_path: Path) -> None:
    _write(tmp_path / "d")
    (tmp_path / "d" / "knowledge").mkdir()
    (tmp_path / "d" / "knowledge" / "k").write_text("vectors")

    def replace(_: int) -> None:
        for _ in range(25):
            _write(tmp_path / "d", overwrite=True)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(replace, range(4)))  # raises what a thread has raised
    names = sorted(path.name for path in (tmp_path / "d").iterdir())
    assert names == ["d.inter", "d.yaml", "knowledge"]
    assert (tmp_path / "d" / "knowledge" / "k").read_text() == "vectors"
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_a_data_set_made_in_the_meantime_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(ConverterError, match="already holds"), DatasetWriter(tmp_path / "d") as w:
        w.table("inter", FIELDS)
        _write(tmp_path / "d")
    assert len((tmp_path / "d" / "d.inter").read_text().splitlines()) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_command_leaves_nothing(tmp_path: Path, kind: signal.Signals) -> None:
    simulate_kuaisar(tmp_path / "raw", scale=0.02, seed=1)
    words = ["-m", "dataset_converters", "kuaisar", "--quiet", "--input", str(tmp_path / "raw")]
    output = tmp_path / "out" / "k"
    process = subprocess.Popen([sys.executable, *words, "--output", str(output)])
    for _ in range(3000):
        if list(tmp_path.glob("out/.k.writing-*")):
            break
        time.sleep(0.005)
    process.send_signal(kind)
    assert process.wait(timeout=30) != 0
    assert list((tmp_path / "out").iterdir()) == []
