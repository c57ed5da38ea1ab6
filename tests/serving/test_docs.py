"""docs/predict.md: its example runs, and its table lists the models that tests export."""

from __future__ import annotations

import re
from pathlib import Path

import recbole_llm4msr
from recbole_llm4msr.serving.export.model_fields import REFUSED

from .export.cases import EXPORTED

PAGE = (Path(recbole_llm4msr.__file__).parents[1] / "docs" / "predict.md").read_text()


def test_the_example_runs(star, monkeypatch, capsys) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    monkeypatch.chdir(star.folder.parent)
    (star.folder.parent / "exported").symlink_to(star.folder)
    names: dict = {}
    exec(compile(example, "docs/predict.md", "exec"), names)
    assert names["scored"].columns == [*names["rows"].columns, "score"]
    assert names["best"].columns == ["user_id", "rank", "item_id", "score"]
    assert str(names["scorer"].columns) in example  # what the comment says
    assert "user_id" in capsys.readouterr().out


def test_the_table_lists_exactly_what_is_exported() -> None:
    table = PAGE.partition("## Which models")[2]
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| ")]
    exported = [
        name.strip()
        for models, answer, _ in rows
        if answer.strip() == "yes"
        for name in models.partition(";")[0].split(",")
    ]
    twins = [f"LLM4MSR_{name}" for name in exported]
    assert sorted([*exported, *twins]) == sorted(EXPORTED)
    refused = {m.strip(): reason.strip() for m, answer, reason in rows if answer.strip() == "no"}
    assert refused.items() >= REFUSED.items()
