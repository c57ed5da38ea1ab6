"""Artefacts appear complete or not at all, also where the disk is full or another one appears."""

from __future__ import annotations

import errno
import os
import shutil

import pytest

from recbole_llm4msr.serving.errors import ExportError
from recbole_llm4msr.serving.export import write
from recbole_llm4msr.serving.export.run import export_checkpoint


def content_of(folder) -> dict:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        RuntimeError("I/O error: No space left on device (os error 28)"),  # as safetensors says it
    ],
    ids=["system", "library"],
)
def test_a_full_disk_is_one_sentence_and_keeps_the_artefact(star, tmp_path, monkeypatch, error):
    output = shutil.copytree(star.folder, tmp_path / "out" / "artefact")

    def full(source, folder) -> None:
        (folder / "half").write_bytes(bytes(100))
        raise error

    monkeypatch.setattr(write.parts, "write_features", full)
    with pytest.raises(OSError, match="artefact could not be written .No space left") as raised:
        export_checkpoint(star.checkpoint, output, overwrite=True)
    assert "it needs more than" in str(raised.value)
    assert "are free there; what was there before is as it was" in str(raised.value)
    assert content_of(output) == content_of(star.folder)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["artefact"]


def test_an_artefact_made_in_the_meantime_is_not_replaced(star, tmp_path, monkeypatch) -> None:
    output = tmp_path / "out" / "artefact"

    def stop_early(config, source, folder, *more) -> None:
        shutil.copytree(star.folder, folder, dirs_exist_ok=True)
        shutil.copytree(star.folder, output)
        return dict(star.manifest)

    monkeypatch.setattr(write, "_write_parts", stop_early)
    with pytest.raises(ExportError, match="exists already"):
        export_checkpoint(star.checkpoint, output)
    assert content_of(output) == content_of(star.folder)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["artefact"]
