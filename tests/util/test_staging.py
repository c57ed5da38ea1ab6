"""Temporary files of running, ended and other machines' processes."""

import os
import subprocess
import sys

import pytest

from recbole_llm4msr.util import staging
from recbole_llm4msr.util.atomic_write import atomic_write
from recbole_llm4msr.util.staging import remove_abandoned, staging_path

KILLED = """
import os, signal, sys
from recbole_llm4msr.util.atomic_write import atomic_write
with atomic_write(sys.argv[1]) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_file_of_a_killed_process_is_removed(tmp_path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "x.pth")], check=False)
    (left,) = tmp_path.iterdir()
    assert left.read_text() == "half"
    assert remove_abandoned(tmp_path) == [left]
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_an_ended_process_is_removed(tmp_path, monkeypatch) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    monkeypatch.setattr(os, "getpid", lambda: ended.pid)
    folder = staging_path(tmp_path / "cache")
    (folder / "inner").mkdir(parents=True)
    assert remove_abandoned(tmp_path) == [folder]


def test_what_a_running_process_writes_is_kept(tmp_path, monkeypatch) -> None:
    with atomic_write(tmp_path / "mine") as mine:
        mine.write_text("mine")
        monkeypatch.setattr(os, "getpid", os.getppid)
        parents = staging_path(tmp_path / "parents")
        parents.write_text("parent's")
        assert remove_abandoned(tmp_path) == []
        assert {mine, parents} == set(tmp_path.iterdir())


@pytest.mark.parametrize("change", ["host", "namespace"])
def test_what_another_machine_writes_is_kept(tmp_path, monkeypatch, change) -> None:
    with monkeypatch.context() as other:
        other.setattr(os, "getpid", lambda: 2**22 + 1)  # above Linux's largest process number
        if change == "host":
            other.setattr(staging.socket, "gethostname", lambda: "elsewhere")
        else:
            other.setattr(staging, "_NAMESPACE", tmp_path)
        theirs = staging_path(tmp_path / "x")
    theirs.write_text("theirs")
    assert remove_abandoned(tmp_path) == []
    assert theirs.exists()


def test_other_hidden_files_are_kept(tmp_path) -> None:
    (tmp_path / ".notes").write_text("mine")
    (tmp_path / ".x.writing-").write_text("mine")
    assert remove_abandoned(tmp_path) == []
    assert remove_abandoned(tmp_path / "absent") == []
