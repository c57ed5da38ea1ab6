"""An artefact: complete, unaltered, of a version that can be read, and used without RecBole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import recbole_llm4msr
from recbole_llm4msr.serving import ArtefactError, ExportError, Scorer
from recbole_llm4msr.serving.export.run import export_checkpoint
from recbole_llm4msr.serving.manifest import FORMAT_VERSION
from recbole_llm4msr.util.checksum import with_checksum


def test_the_manifest_says_what_the_model_is(star) -> None:
    manifest = star.manifest
    assert (manifest["model"], manifest["dataset"]) == ("LLM4MSR_STAR", "toy")
    assert manifest["scenarios"][0] == {
        "token": "feed",
        "name": "Home feed",
        "description": "items shown unasked",
    }
    assert manifest["knowledge"]["settings"]["knowledge"] == "lsa"
    assert manifest["test"] == pytest.approx(dict(star.result["test_result"]), abs=1e-4)
    assert set(manifest["versions"]) >= {"recbole_llm4msr", "torch", "onnxruntime"}
    names = {path.relative_to(star.folder).as_posix() for path in star.folder.rglob("*.*")}
    assert names == {*manifest["files"], "manifest.json"}


def test_nothing_in_it_is_a_pickle_or_a_path_of_this_machine(star) -> None:
    files = list(star.folder.rglob("*.*"))
    assert {path.suffix for path in files} == {".arrow", ".json", ".onnx", ".safetensors"}
    for path in files:
        content = path.read_bytes()
        assert str(star.folder.parent).encode() not in content, path
        assert b"site-packages" not in content, path


def test_the_large_tables_are_kept_once(star) -> None:
    graphs = sum(path.stat().st_size for path in star.folder.glob("*.onnx"))
    assert graphs < 500_000
    assert len(list(star.folder.glob("*.onnx"))) == 1 + 2 * 3 + 1


def damage_truncate(folder: Path) -> str:
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    return "the file weights.safetensors has .* bytes instead of .*; export the model again"


def damage_flip(folder: Path) -> str:
    path = folder / "user_layers.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    return "the file user_layers.safetensors does not match its checksum"


def damage_remove(folder: Path) -> str:
    (folder / "scorer.onnx").unlink()
    (folder / "features.safetensors").unlink()
    return r"the file features.safetensors is missing \(and 1 more\)"


def damage_manifest(folder: Path) -> str:
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"LLM4MSR_STAR"', '"STAR"'))
    return "manifest.json: the content does not match its checksum; the file was altered"


def damage_half_manifest(folder: Path) -> str:
    path = folder / "manifest.json"
    path.write_text(path.read_text()[:200])
    return "manifest.json: this is not JSON; the file is truncated or altered"


def damage_no_manifest(folder: Path) -> str:
    (folder / "manifest.json").unlink()
    return "this is not an artefact, it has no manifest.json"


def damage_newer(folder: Path) -> str:
    path = folder / "manifest.json"
    content = {k: v for k, v in json.loads(path.read_text()).items() if k != "crc32"}
    content["format_version"] = FORMAT_VERSION + 1
    path.write_text(json.dumps(with_checksum(content)))
    return f"this artefact has format {FORMAT_VERSION + 1}, and this version .* reads up to"


@pytest.mark.parametrize(
    "damage",
    [
        damage_truncate,
        damage_flip,
        damage_remove,
        damage_manifest,
        damage_half_manifest,
        damage_no_manifest,
        damage_newer,
    ],
)
def test_a_damaged_artefact_is_refused_with_what_is_wrong(altered, damage) -> None:
    message = damage(altered)
    with pytest.raises(ArtefactError, match=message):
        Scorer.load(altered)


def test_a_folder_that_is_not_there_is_named(tmp_path) -> None:
    with pytest.raises(ArtefactError, match="none: there is no such folder"):
        Scorer.load(tmp_path / "none")


def test_an_export_that_fails_leaves_nothing(star, tmp_path, monkeypatch) -> None:
    from recbole_llm4msr.serving.export import evaluate

    monkeypatch.setattr(evaluate, "TOLERANCE", -1.0)
    monkeypatch.setattr("recbole_llm4msr.serving.export.parts.OWN_GRAPHS", 0)
    with pytest.raises(ExportError, match="scores the test rows differently"):
        export_checkpoint(star.checkpoint, tmp_path / "out" / "artefact")
    assert list((tmp_path / "out").iterdir()) == []


def test_an_existing_folder_is_not_overwritten_by_accident(star, altered, tmp_path) -> None:
    with pytest.raises(ExportError, match="exists already; give another folder, or --overwrite"):
        export_checkpoint(star.checkpoint, altered)
    (tmp_path / "mine").mkdir()
    with pytest.raises(ExportError, match="exists and is not an artefact; it is not overwritten"):
        export_checkpoint(star.checkpoint, tmp_path / "mine", overwrite=True)
    with pytest.raises(ExportError, match="user_layers: 'int4' is not one of float32, float16"):
        export_checkpoint(star.checkpoint, tmp_path / "new", user_layers="int4")


def test_it_is_used_without_recbole_torch_and_pandas(star) -> None:
    code = (
        "import sys, importlib.abc\n"
        "class Refuse(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in ('recbole', 'torch', 'pandas', 'sklearn'):\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "from recbole_llm4msr.serving import Scorer\n"
        "import polars as pl\n"
        f"scorer = Scorer.load({str(star.folder)!r})\n"
        "rows = pl.DataFrame({'user_id': ['u1'], 'item_id': ['i3'], 'scenario': ['feed']})\n"
        "print(scorer.predict(rows)['score'][0], len(scorer.recommend(['u2'], 'mail')))"
    )
    root = str(Path(recbole_llm4msr.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert done.returncode == 0, done.stderr
    score, n = done.stdout.split()
    assert 0 < float(score) < 1 and n == "10"
