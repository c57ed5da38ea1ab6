"""The commands export, predict and recommend."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import recbole_llm4msr
from recbole_llm4msr import run
from recbole_llm4msr.cli.export import app as export_app
from recbole_llm4msr.cli.predict import app as predict_app
from recbole_llm4msr.cli.recommend import app as recommend_app
from recbole_llm4msr.serving.export import parts
from tests.toy import toy_settings, write_toy

ROOT = Path(recbole_llm4msr.__file__).parents[1]

runner = CliRunner()


def invoke(app, *arguments: object) -> tuple[int, str]:
    done = runner.invoke(app, [str(argument) for argument in arguments])
    return done.exit_code, done.output


@pytest.fixture(scope="module")
def artefact(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("commands")
    write_toy(folder)
    run("SharedBottom", "toy", config_dict=toy_settings(folder), command_line=[])
    checkpoint = next((folder / "saved").glob("*.pth"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "OWN_GRAPHS", 0)
        code, output = invoke(
            export_app, "--model_file", checkpoint, "--output", folder / "out", "--with-history"
        )
    assert code == 0, output
    assert "150 test rows score as in torch" in output and "test AUC 0." in output
    return folder / "out"


@pytest.mark.core
def test_predict_writes_the_scores(artefact, tmp_path) -> None:
    (tmp_path / "rows.csv").write_text("user_id,item_id,scenario\nu1,i2,feed\nnew,i3,mail\n")
    given = ("--artefact", artefact, "--input", tmp_path / "rows.csv", "--output")
    code, output = invoke(predict_app, *given, tmp_path / "o.parquet")
    assert code == 1 and "row 2, column user_id: 'new' is not known" in output
    assert "Traceback" not in output and not (tmp_path / "o.parquet").exists()
    code, output = invoke(predict_app, *given, tmp_path / "o.parquet", "--on-unknown=score")
    assert code == 0 and "wrote 2 rows" in output
    assert pl.read_parquet(tmp_path / "o.parquet")["score"].is_between(0, 1).all()


def test_they_run_where_recbole_and_torch_are_not_installed(artefact, tmp_path) -> None:
    (tmp_path / "rows.csv").write_text("user_id,item_id,scenario\nu1,i2,feed\n")
    given = f"--artefact={artefact}"
    for arguments in (
        ["predict", given, "--input=rows.csv", "--output=o.csv"],
        ["recommend", given, "--users=u1", "--scenario=feed", "--output=o.csv"],
        ["serve", "--help"],
    ):
        code = (
            "import sys\nfor name in ('torch', 'recbole', 'pandas'): sys.modules[name] = None\n"
            f"from recbole_llm4msr.__main__ import main\nmain({arguments})"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert done.returncode == 0, done.stderr


def test_recommend_prints_or_writes_the_best_items(artefact, tmp_path) -> None:
    given = ("--artefact", artefact, "--scenario", "feed", "--k", 3)
    code, output = invoke(recommend_app, *given, "--users", "u1,u2", "--exclude-seen")
    assert code == 0 and output.count("u1") == output.count("u2") == 3
    (tmp_path / "users.txt").write_text("u1\n\nu2\n")
    (tmp_path / "items.txt").write_text("i1\ni2\n")
    files = ("--users", tmp_path / "users.txt", "--candidates", tmp_path / "items.txt")
    code, output = invoke(recommend_app, *given, *files, "--output", tmp_path / "o.csv")
    assert code == 0, output
    found = pl.read_csv(tmp_path / "o.csv")
    assert found["user_id"].to_list() == ["u1", "u1", "u2", "u2"]
    assert set(found["item_id"]) == {"i1", "i2"}


@pytest.mark.parametrize(
    ("users", "more", "message"),
    [
        ("none", [], "row 1, column user_id: 'none' is not known"),
        ("u1", ["--scenario", "x"], "scenario: 'x' is not known; the model knows feed, mail"),
        ("u1", ["--candidates", "none.txt"], "none.txt: there is no such file"),
        ("u1", ["--artefact", "nowhere"], "nowhere: there is no such folder"),
        ("u1", ["--output", "o.json"], "output: o.json does not end in one of"),
    ],
)
def test_faults_are_one_line(artefact, users, more, message) -> None:
    given = ["--artefact", artefact, "--scenario", "feed", "--users", users]
    code, output = invoke(recommend_app, *given, *more)
    assert code == 1 and "Traceback" not in output
    assert message in " ".join(output.split())


def test_export_names_what_is_wrong_before_anything_is_loaded(artefact, tmp_path) -> None:
    code, output = invoke(export_app, "--model_file=none.pth", "--output=out")
    assert code == 1 and "none.pth: there is no such checkpoint" in output
    (tmp_path / "a.pth").write_text("x")
    given = ("--model_file", tmp_path / "a.pth", "--output")
    code, output = invoke(export_app, *given, artefact)
    assert code == 1 and "exists already; give another folder" in " ".join(output.split())
    code, output = invoke(export_app, *given, "new", "--user-layers=int4")
    assert code == 1 and "user_layers: 'int4' is not one of" in output


def test_a_model_without_user_layers_has_no_encoder_of_users(artefact, tmp_path) -> None:
    checkpoint = next((artefact.parent / "saved").glob("*.pth"))
    given = ("--model_file", checkpoint, "--output", tmp_path / "out", "--with-encoder")
    code, output = invoke(export_app, *given)
    assert code == 1 and "Traceback" not in output
    message = "SharedBottom cannot make layers of new users: it has no user layers"
    assert message in " ".join(output.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"", b"x" * 100, b"PK\x03\x04 truncated"])
def test_export_of_what_is_not_a_checkpoint_is_one_line(tmp_path, content) -> None:
    (tmp_path / "a.pth").write_bytes(content)
    code, output = invoke(
        export_app, "--model_file", tmp_path / "a.pth", "--output", tmp_path / "out"
    )
    assert code == 1 and "Traceback" not in output
    assert "a.pth" in output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pth"]
