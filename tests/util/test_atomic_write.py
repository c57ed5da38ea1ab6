"""Atomic writes on a full disk, and after a write that was killed."""

import errno
import os
import subprocess
import sys

import pytest

from dataset_converters import full_disk
from recbole_llm4msr.util.atomic_write import atomic_write
from recbole_llm4msr.util.staging import staging_path


@pytest.mark.parametrize(
    ("needed", "text"), [(None, "more than 0.5 MB"), (9 * 10**6, "about 9.0 MB")]
)
def test_a_full_disk_is_one_sentence_and_keeps_the_file(
    tmp_path, monkeypatch, needed, text
) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    monkeypatch.setattr(full_disk, "_free", lambda _: 400_000)
    with (
        pytest.raises(OSError, match="could not be written") as raised,
        atomic_write(path, needed) as temporary,
    ):
        temporary.write_bytes(bytes(100_000))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert str(raised.value) == (
        f"{path} could not be written (No space left on device): it needs {text}, 0.5 MB are free "
        "there; what was there before is as it was. Free some space, or give another place, and "
        "run the same command again."
    )
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_is_full_when_the_data_is_flushed(tmp_path, monkeypatch) -> None:
    def full(_) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(os, "fsync", full)
    quota = pytest.raises(OSError, match="could not be written .Disk quota exceeded")
    with quota, atomic_write(tmp_path / "file") as temporary:
        temporary.write_text("new")
    assert list(tmp_path.iterdir()) == []


def test_other_errors_are_passed_on(tmp_path) -> None:
    with pytest.raises(PermissionError, match="own words"), atomic_write(tmp_path / "file"):
        raise PermissionError("own words")


def test_the_next_write_removes_what_a_killed_one_left(tmp_path, monkeypatch) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with monkeypatch.context() as killed:
        killed.setattr(os, "getpid", lambda: ended.pid)
        left, other = staging_path(tmp_path / "file"), staging_path(tmp_path / "other")
    for path in (left, other):
        path.write_text("half")
    with atomic_write(tmp_path / "file") as temporary:
        temporary.write_text("new")
    assert set(tmp_path.iterdir()) == {tmp_path / "file", other}
