"""docs/serve.md: its curl commands run, and its bounds are those of the code."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import recbole_llm4msr
from recbole_llm4msr.serving.http import schemas
from recbole_llm4msr.serving.http.app import Options

from .test_process import serving

PAGE = (Path(recbole_llm4msr.__file__).parents[1] / "docs" / "serve.md").read_text()


def test_the_curl_commands_run(star, tmp_path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    block = next(
        code for code in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL) if "curl" in code
    )
    shown = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)[1].splitlines()
    (tmp_path / "exported").symlink_to(star.folder)
    with serving("--artefact=exported") as (_, port, _):
        commands = block.replace(":8000/", f":{port}/").replace("-s http", "-s -w '\\n' http")
        done = subprocess.run(["bash", "-c", commands], capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    for answer, example in zip(answers, map(json.loads, shown), strict=True):
        assert answer.keys() == example.keys()
        for key in answer.keys() - {"artefact"}:
            assert len(answer[key]) == len(example[key])


def test_the_bounds_are_those_of_the_code() -> None:
    for number in (schemas.MAX_ID, schemas.MAX_CANDIDATES, schemas.MAX_K, schemas.MAX_TOKENS):
        assert f"{number:,}" in PAGE.partition("## Errors")[0]
    assert f"({Options().max_body >> 10:,} KiB)" in PAGE
    assert f"({Options().max_waiting})" in PAGE
