"""Bad input of the commands that use an exported model: one line, nothing written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from recbole_llm4msr.cli.predict import app as predict_app
from recbole_llm4msr.cli.recommend import app as recommend_app
from recbole_llm4msr.serving.manifest import FORMAT_VERSION
from recbole_llm4msr.util.checksum import with_checksum

from .test_serving import artefact, invoke

__all__ = ["artefact"]  # a fixture

HEADER = "user_id,item_id,scenario"
LONG = "x" * 10_000_000


def fails(app, message: str, *arguments: object) -> None:
    """Run a command: it ends with one line that holds the message, and leaves the output."""
    output = Path("out.csv").resolve()
    output.write_text("as before")
    files = sorted(Path().iterdir())
    code, text = invoke(app, *arguments, "--output", output)
    assert code == 1, text
    assert "Traceback" not in text and len(text) < 1500
    assert message in " ".join(text.split())
    assert output.read_text() == "as before"
    assert sorted(Path().iterdir()) == files


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{HEADER}\nnobody,i1,feed\n", "row 1, column user_id: 'nobody' is not known"),
        (f"{HEADER}\nu1,i1,feed\nu1,none,feed\n", "row 2, column item_id: 'none' is not known"),
        (f"{HEADER}\nu1,i1,none\n", "row 1, column scenario: 'none' is not known; the model kn"),
        ("", "the file is empty"),
        (f"{HEADER}\n", "the file has no rows"),
        ("user_id,item_id,scenario,item_id\nu1,i1,feed,i1\n", "column 'item_id' is there twice"),
        (f"{HEADER}\n{LONG},i1,feed\n", "(10,000,000 characters)' is not known"),
        (f"{HEADER}\nu1,{LONG},feed\n", "(10,000,000 characters)' is not known"),
        (f"{HEADER}\nu1,i1,{LONG}\n", "(10,000,000 characters)' is not known"),
    ],
    ids=lambda value: value[:60],
)
def test_rows_that_predict_cannot_score(artefact, text, message) -> None:
    Path("rows.csv").write_text(text)
    fails(predict_app, message, "--artefact", artefact, "--input", "rows.csv")


@pytest.mark.parametrize(
    ("users", "items", "scenario", "message"),
    [
        ("nobody\n", "i1\n", "feed", "row 1, column user_id: 'nobody' is not known"),
        ("u1\n", "i1\nnone\n", "feed", "row 2, column item_id: 'none' is not known"),
        ("u1\n", "i1\n", "none", "scenario: 'none' is not known; the model knows"),
        ("", "i1\n", "feed", "users.txt: the file is empty"),
        ("u1\n", "\n", "feed", "items.txt: the file is empty"),
        (f"{LONG}\n", "i1\n", "feed", "(10,000,000 characters)' is not known"),
        ("u1\n", f"{LONG}\n", "feed", "(10,000,000 characters)' is not known"),
        ("u1\n", "i1\n", LONG, "(10,000,000 characters)' is not known"),
    ],
    ids=lambda value: value[:30],
)
def test_what_recommend_cannot_use(artefact, users, items, scenario, message) -> None:
    Path("users.txt").write_text(users)
    Path("items.txt").write_text(items)
    given = ("--users", "users.txt", "--candidates", "items.txt", "--scenario", scenario)
    fails(recommend_app, message, "--artefact", artefact, *given)


def truncate(folder: Path) -> str:
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    return "the file weights.safetensors has"


def flip(folder: Path) -> str:
    path = folder / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    return "the file weights.safetensors does not match its checksum"


def make_newer(folder: Path) -> str:
    path = folder / "manifest.json"
    content = {k: v for k, v in json.loads(path.read_text()).items() if k != "crc32"}
    content["format_version"] = FORMAT_VERSION + 1
    path.write_text(json.dumps(with_checksum(content)))
    return f"this artefact has format {FORMAT_VERSION + 1}"


@pytest.mark.parametrize("damage", [truncate, flip, make_newer])
def test_an_artefact_that_cannot_be_used_is_refused_by_every_command(artefact, damage) -> None:
    shutil.copytree(artefact, "altered")
    message = damage(Path("altered"))
    Path("rows.csv").write_text(f"{HEADER}\nu1,i1,feed\n")
    Path("folder").mkdir()
    shutil.copy("rows.csv", "folder/rows.parquet")  # is not read
    given = ("--artefact", "altered")
    fails(predict_app, message, *given, "--input", "rows.csv")
    fails(predict_app, message, *given, "--input", "rows.csv", "--history", "rows.csv")
    fails(recommend_app, message, *given, "--users", "u1", "--scenario", "feed")
    code, text = invoke(
        predict_app, *given, "--engine=ray", "--input", "folder", "--output", "scores"
    )
    assert code == 1 and message in " ".join(text.split()) and not Path("scores").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--engine=spark"], "engine: 'spark' is neither local nor ray"),
        (["--engine=ray", "--threads=2"], "engine: ray takes neither --history nor --llm"),
        (["--workers=2"], "workers: they are of --engine=ray"),
        (["--llm=model"], "llm: it encodes the prompts of --history, which is not given"),
        (["--history=none.csv"], "none.csv: there is no such file"),
        (["--history=rows.csv"], "reads no knowledge of users, so that interactions of theirs"),
        (["--history=empty.csv"], "empty.csv: the file is empty"),
        (["--history=twice.csv"], "the column 'user_id' is there twice"),
    ],
    ids=str,
)
def test_options_that_do_not_fit(artefact, options, message) -> None:
    Path("rows.csv").write_text(f"{HEADER}\nu1,i1,feed\n")
    Path("empty.csv").write_text("")
    Path("twice.csv").write_text(f"{HEADER},user_id\nu1,i1,feed,u1\n")
    fails(predict_app, message, "--artefact", artefact, "--input", "rows.csv", *options)
