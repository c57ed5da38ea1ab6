"""Unfinished files of killed processes are removed; those of live ones are not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import recbole_llm4msr
from recbole_llm4msr.util.leftovers import locked_write, remove_leftovers

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no file locks")

WRITER = """
import sys, time
from recbole_llm4msr.util.leftovers import locked_write
with locked_write(sys.argv[1]) as temporary:
    temporary.write_bytes(b"half")
    print("writing", flush=True)
    time.sleep(600)
"""


def writer(path: Path) -> subprocess.Popen:
    root = str(Path(recbole_llm4msr.__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert process.stdout.readline() == "writing\n"
    return process


def test_only_the_file_of_a_killed_writer_is_removed(tmp_path) -> None:
    (tmp_path / "STAR-done.pth").write_bytes(b"whole")
    (tmp_path / ".other.txt.0123456789ab").write_bytes(b"")
    dead, alive = writer(tmp_path / "STAR-a.pth"), writer(tmp_path / "STAR-b.pth")
    try:
        assert remove_leftovers(tmp_path, ".*.pth") == []
        dead.send_signal(signal.SIGKILL)
        dead.wait()
        (removed,) = remove_leftovers(tmp_path, ".*.pth")
        assert removed.name.startswith(".STAR-a.pth.")
        left = sorted(file.name.rpartition(".")[0] for file in tmp_path.glob(".*"))
        assert left == [".STAR-b.pth", ".other.txt"]
    finally:
        alive.kill()
        alive.wait()
    assert (tmp_path / "STAR-done.pth").read_bytes() == b"whole"


def test_a_locked_file_gets_its_name(tmp_path) -> None:
    with locked_write(tmp_path / "x.pth") as temporary:
        temporary.write_bytes(b"whole")
        assert remove_leftovers(tmp_path, ".*.pth") == []
    assert [file.name for file in tmp_path.iterdir()] == ["x.pth"]
    assert (tmp_path / "x.pth").read_bytes() == b"whole"


def test_the_lock_is_held_until_the_file_has_its_name(tmp_path, monkeypatch) -> None:
    removed = []
    fsync = os.fsync

    def between(descriptor: int) -> None:
        removed.extend(remove_leftovers(tmp_path, ".*.pth"))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", between)  # after the block, before the rename
    with locked_write(tmp_path / "x.pth") as temporary:
        temporary.write_bytes(b"whole")
    assert removed == []
    assert (tmp_path / "x.pth").read_bytes() == b"whole"


def test_a_block_that_fails_leaves_nothing(tmp_path) -> None:
    with pytest.raises(OSError, match="full"), locked_write(tmp_path / "x.pth"):
        raise OSError("full")
    assert list(tmp_path.iterdir()) == []
