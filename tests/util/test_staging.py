"""Temporary files of running, ended and other machines' processes."""

import os
import subprocess
import sys

import pytest

from dataset_converters import staging
from recbole_llm4msr.util.atomic_write import atomic_write
from recbole_llm4msr.util.staging import (
    interrupted_replacements,
    remove_abandoned,
    replace_folder,
    staging_path,
)

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


def replaced(tmp_path, name: str) -> tuple:
    """Two folders beside each other: what is there, and what shall come there."""
    output, new = tmp_path / "out", staging_path(tmp_path / "out")
    for folder, text in ((output, "old"), (new, name)):
        folder.mkdir()
        (folder / "file").write_text(text)
    return output, new


def test_a_folder_replaces_another(tmp_path) -> None:
    output, new = replaced(tmp_path, "new")
    (former,) = replace_folder(new, output)
    assert (output / "file").read_text() == "new"
    assert (former / "file").read_text() == "old"
    assert interrupted_replacements(output) == []  # of a running process


def test_another_process_replaces_the_folder_in_between(tmp_path) -> None:
    output, new = replaced(tmp_path, "new")
    theirs = staging_path(output)
    theirs.mkdir()
    (theirs / "file").write_text("theirs")

    def check() -> None:
        if theirs.exists():  # the first time
            output.rename(tmp_path / "moved away")
            theirs.rename(output)

    (former,) = replace_folder(new, output, check)
    assert (output / "file").read_text() == "new"
    assert (former / "file").read_text() == "theirs"


def test_a_replacement_that_fails_is_undone(tmp_path, monkeypatch) -> None:
    output, new = replaced(tmp_path, "new")
    monkeypatch.setattr(type(new), "rename", failing_after(2, type(new).rename))
    with pytest.raises(PermissionError):
        replace_folder(new, output)
    assert (output / "file").read_text() == "old"
    assert (new / "file").read_text() == "new"


def failing_after(calls: int, rename):
    """A rename that fails once, after a number of calls."""
    counted = []

    def method(path, target):
        counted.append(path)
        if len(counted) == calls + 1:
            raise PermissionError(13, "Permission denied", str(path))
        return rename(path, target)

    return method


def test_a_replacement_in_which_the_process_was_killed_is_undone(tmp_path, monkeypatch) -> None:
    output, new = replaced(tmp_path, "new")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with monkeypatch.context() as killed:
        killed.setattr(os, "getpid", lambda: ended.pid)
        (former,) = replace_folder(new, output)
    assert interrupted_replacements(output) == [former]  # to be removed
    output.rename(tmp_path / "gone")
    assert interrupted_replacements(output) == []
    assert (output / "file").read_text() == "old"


def test_folders_of_one_name_are_merged_when_they_are_moved(tmp_path) -> None:
    for folder, files in (("a/k", ("1", "2")), ("b/k", ("2", "3"))):
        (tmp_path / folder).mkdir(parents=True)
        for name in files:
            (tmp_path / folder / name).write_text(folder)
    staging.move_into(tmp_path / "a" / "k", tmp_path / "b")
    found = {path.name: path.read_text() for path in (tmp_path / "b" / "k").iterdir()}
    assert found == {"1": "a/k", "2": "b/k", "3": "b/k"}
    assert list((tmp_path / "a").iterdir()) == []
