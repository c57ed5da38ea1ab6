"""Sentences above the result table and in the JSON file."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from recbole_llm4msr import run
from recbole_llm4msr.pipeline.result_warnings import _too_good, result_warnings
from tests.toy import toy_settings

HEADER = "user_id:token\titem_id:token\tscenario:token\tlabel:float\n"


def write_splits(folder, **changes) -> None:
    """Write train, valid and test of 200, 60 and 60 rows; ``changes`` are functions of rows."""
    random = np.random.default_rng(0)
    folder.mkdir()
    for split, count in (("train", 200), ("valid", 60), ("test", 60)):
        rows = [
            [f"u{random.integers(20)}", f"i{random.integers(30)}", "ab"[n % 2], n // 2 % 2]
            for n in range(count)
        ]
        rows = changes.get(split, lambda rows: rows)(rows)
        lines = ["\t".join(map(str, row)) + "\n" for row in rows]
        (folder / f"w.{split}.inter").write_text(HEADER + "".join(lines))


def warnings_of(tmp_path, capsys, **settings) -> tuple[list[str], str]:
    keys = {
        "load_col": {"inter": ["user_id", "item_id", "scenario", "label"]},
        "benchmark_filename": ["train", "valid", "test"],
        "result_json": str(tmp_path / "r.json"),
        **settings,
    }
    run("STAR", "w", config_dict=toy_settings(tmp_path, **keys))
    return json.loads((tmp_path / "r.json").read_text())["warnings"], capsys.readouterr().out


def assert_above_the_table(sentence: str, printed: str) -> None:
    lines = printed.splitlines()
    place = lines.index(f"warning: {sentence}")
    assert place < next(n for n, line in enumerate(lines) if "STAR on w" in line)


def test_a_scenario_that_only_the_test_split_has(tmp_path, capsys) -> None:
    write_splits(tmp_path / "w", test=lambda rows: [[*row[:2], "new", row[3]] for row in rows])
    found, printed = warnings_of(tmp_path, capsys)
    (sentence,) = (text for text in found if "Scenario" in text)
    assert sentence == (
        "Scenario new has test rows and no training row: layers that nothing has trained scored "
        "them."
    )
    assert_above_the_table(sentence, printed)


def test_a_validation_split_with_one_class(tmp_path, capsys) -> None:
    write_splits(tmp_path / "w", valid=lambda rows: [[*row[:3], 0] for row in rows])
    found, printed = warnings_of(tmp_path, capsys)
    (sentence,) = found
    assert sentence == (
        "The validation split has one class only: all 60 labels are 0, so there is no AUC to "
        "choose the best epoch by."
    )
    assert_above_the_table(sentence, printed)


def test_a_validation_split_without_rows(toy, tmp_path, capsys) -> None:
    keys = {"eval_args": {"split": {"RS": [0.8, 0, 0.2]}, "order": "RO", "mode": "labeled"}}
    keys["result_json"] = str(tmp_path / "r.json")
    run("STAR", "toy", config_dict=toy_settings(tmp_path, **keys))
    (sentence,) = json.loads((tmp_path / "r.json").read_text())["warnings"]
    assert sentence.startswith("The validation split has no rows: nothing was stopped early")
    assert f"warning: {sentence}" in capsys.readouterr().out


def test_labels_that_cannot_be_learned_stay_at_chance(tmp_path, capsys) -> None:
    write_splits(tmp_path / "w")
    found, printed = warnings_of(tmp_path, capsys, learning_rate=1e-9)
    result = json.loads((tmp_path / "r.json").read_text())["best_valid_result"]
    error = (61 / (12 * 30 * 30)) ** 0.5
    assert abs(result["auc"] - 0.5) < 2 * error, "the data is drawn so"
    (sentence,) = found
    assert "still at chance" in sentence
    assert_above_the_table(sentence, printed)


def test_a_result_that_says_what_it_means_has_no_warning(toy, tmp_path) -> None:
    keys = {"epochs": 8, "learning_rate": 0.02, "result_json": str(tmp_path / "r.json")}
    run("STAR", "toy", config_dict=toy_settings(tmp_path, **keys))
    assert json.loads((tmp_path / "r.json").read_text())["warnings"] == []


def split(labels):
    features = {"label": torch.tensor(labels)}
    return type("Split", (SimpleNamespace,), {"__len__": lambda self: len(labels)})(
        inter_feat=features, label_field="label"
    )


@pytest.mark.parametrize(("errors", "warned"), [(0, 1), (1.9, 1), (-1.9, 1), (2.1, 0), (-2.1, 0)])
def test_chance_is_two_standard_errors(errors, warned) -> None:
    error = (401 / (12 * 100 * 300)) ** 0.5  # of 100 positives and 300 negatives
    both, valid = split([0.0, 1.0]), split([1.0] * 100 + [0.0] * 300)
    config = dict.fromkeys(f"{name}_neg_sample_args" for name in ("train", "valid", "test"))
    result = {"best_valid_result": {"auc": 0.5 + errors * error}}
    assert len(result_warnings(config, both, valid, both, result)) == warned


def test_drawn_negatives_are_not_one_class() -> None:
    config = dict.fromkeys(("train_neg_sample_args", "valid_neg_sample_args"))
    config |= {"test_neg_sample_args": {"distribution": "uniform"}}
    ones, both = split([1.0, 1.0]), split([0.0, 1.0])
    result = {"best_valid_result": None}
    assert result_warnings(config, both, both, ones, result) == []
    config["test_neg_sample_args"] = {"distribution": "none"}
    (sentence,) = result_warnings(config, both, both, ones, result)
    assert sentence == (
        "The test split has one class only: all 2 labels are 1, so there is no AUC."
    )


def test_a_column_that_tells_the_label_is_asked_for() -> None:
    split = SimpleNamespace(
        uid_field="user_id", iid_field="item_id", label_field="label", time_field="timestamp",
        inter_feat=SimpleNamespace(columns=["user_id", "item_id", "label", "rating"]),
        user_feat=None, item_feat=None, field2type=["user_id", "item_id", "label", "rating"],
    )  # fmt: skip
    assert _too_good(split, 0.98) is None
    assert _too_good(split, None) is None
    assert "does a column that the model reads tell the label (rating)?" in _too_good(split, 1.0)
