"""Command line: output, errors, --help, imports."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dataset_converters.cli import app
from tests.dataset_converters.amazon_samples import sample_2014
from tests.dataset_converters.reference_reading import read_atomic

RUNNER = CliRunner()


def _run(*words: object) -> tuple[int, str]:
    result = RUNNER.invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})
    return result.exit_code, result.output


def test_kuaisar_prints_a_table_at_the_end(tiny_kuaisar: Path, tmp_path: Path) -> None:
    code, text = _run("kuaisar", "--input", tiny_kuaisar, "--output", tmp_path / "k")
    assert code == 0
    for part in ("search", "recommendation", "positive rate", "1  users shared between scenarios"):
        assert part in text
    assert "1  rows dropped: item type LIVE" in text
    code, text = _run("kuaisar", "--input", tiny_kuaisar, "--output", tmp_path / "k")
    assert code == 1
    assert "--overwrite" in text
    words = ("kuaisar", "--input", tiny_kuaisar, "--output", tmp_path / "k", "--overwrite")
    code, _ = _run(*words, "--item-types", "all", "--quiet")
    assert code == 0
    assert len(read_atomic(tmp_path / "k" / "k.inter")[1]) == 7


def test_several_categories_after_one_option(tmp_path: Path) -> None:
    raw = sample_2014(tmp_path / "raw")
    output = tmp_path / "a"
    code, text = _run(
        *("amazon", "--input", raw, "--categories", "Beauty", "Toys_and_Games"),
        *("--output", output, "--k-core", 2),
    )
    assert code == 0, text
    assert {row[2] for row in read_atomic(output / "a.inter")[1]} == {"Beauty", "Toys_and_Games"}
    code, text = _run("amazon", "--input", raw, "--categories", "Toys", "--output", tmp_path / "b")
    assert code == 1
    assert "Toys_and_Games" in text


def test_simulate_then_convert(tmp_path: Path) -> None:
    code, text = _run("simulate", "kuaisar", "--output", tmp_path / "raw", "--scale", "0.0005")
    assert code == 0
    assert "simulated KuaiSAR" in text
    assert "own scenario" in text
    code, text = _run("kuaisar", "--input", tmp_path / "raw", "--output", tmp_path / "k")
    assert code == 0
    assert "simulated KuaiSAR" in text
    assert "simulated" in (tmp_path / "k" / "k.yaml").read_text()


def test_download_reports_a_missing_key(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("USER_ID_FIELD: user_id\n")
    code, text = _run("download", tmp_path / "x.yaml", "--output", tmp_path / "x")
    assert code == 1
    assert "no key download" in text


@pytest.mark.parametrize("command", ["table", "kuaisar", "amazon", "ml-1m", "simulate", "download"])
def test_help_shows_an_example(command: str) -> None:
    code, text = _run(command, "--help")
    assert code == 0
    assert "--" in text
    if command != "simulate":
        assert "Example: python -m dataset_converters" in text


def test_the_module_runs_without_importing_recbole() -> None:
    forbidden = "recbole", "recbole_llm4msr", "torch", "pandas"
    code = (
        "import sys, dataset_converters.cli, dataset_converters.download;"
        f"print([m for m in {forbidden!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    words = [sys.executable, "-m", "dataset_converters", "--help"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "simulate" in done.stdout
