"""Result table: scenario names are printed unchanged, missing metrics with the reason."""

import math
from types import SimpleNamespace

from recbole_llm4msr.pipeline.report import TrainingSummary, print_table


def test_markup_in_scenario_names_is_printed_and_missing_rows_are_named(capsys):
    tokens = ["[/]", "a[b]"]
    result = {
        "best_valid_result": {
            "auc": 0.5, "logloss": 0.7, "auc@mean": 0.5, "logloss@mean": 0.7,
            "auc@[/]": math.nan, "logloss@[/]": math.nan,
            "auc@a[b]": math.nan, "logloss@a[b]": 0.7,
        },
        "test_result": None,
    }  # fmt: skip
    config = {"eval_type": None, "metrics": ["AUC", "LogLoss"], "model": "STAR", "dataset": "d"}
    dataset = SimpleNamespace(scenario_tokens=tokens, scenario_names=["[red]x[/red]", "a[b]"])
    print_table(config, dataset, result, {"training": 1.0}, TrainingSummary(1, [], 10))
    printed = capsys.readouterr().out
    assert "a[b]" in printed
    assert "[/]: [red]x[/red]" in printed
    row = next(line for line in printed.splitlines() if line.startswith("│ [/]"))
    assert row.count("no rows") == 2
    row = next(line for line in printed.splitlines() if line.startswith("│ a[b]"))
    assert "one class" in row
    assert "0.7000" in row
