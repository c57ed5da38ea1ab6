"""Splits: exact times, normalisation range, duplicates, scenarios without training rows."""

import logging

import numpy as np
import pytest
import torch
from recbole.utils import init_seed

from recbole_llm4msr import Config, create_dataset
from tests.toy import toy_settings, write_toy

HEAD = "user_id:token\titem_id:token\tscenario:token\tlabel:float\ttimestamp:float"
TABLE = {
    "load_col": {"inter": ["user_id", "item_id", "scenario", "label", "timestamp"]},
    "numerical_features": [],
}


def splits_of(tmp_path, lines, **settings):
    """Write interactions and return the built splits."""
    folder = write_toy(tmp_path)
    (folder / "toy.inter").write_text("\n".join([settings.pop("head", HEAD), *lines]) + "\n")
    config = Config("STAR", "toy", None, toy_settings(tmp_path, **{**TABLE, **settings}))
    init_seed(config["seed"], True)
    dataset = create_dataset(config)
    return dataset.build()


def rows(count, step=1.0, start=1.7e9):
    return [
        f"u{n % 20}\tr{n}\ts{n % 2}\t{int(n * 13 % 5 < 2)}\t{start + n * step:.3f}"
        for n in range(count)
    ]


def numbers(split):
    """Return the item numbers of a split; item n is on line n."""
    tokens = split.field2id_token["item_id"][split.inter_feat["item_id"].numpy()]
    return [int(token[1:]) for token in tokens]


@pytest.mark.parametrize("step", [0.001, 1.0, 60.0])
def test_a_split_by_time_takes_the_latest_rows_however_close_they_are(step, tmp_path):
    order = {"split": {"RS": [0.8, 0.1, 0.1]}, "order": "TO", "group_by": None, "mode": "labeled"}
    lines = rows(600, step)
    shuffled = [lines[n] for n in np.random.default_rng(0).permutation(600)]
    _, valid, test = splits_of(tmp_path, shuffled, eval_args=order)
    assert numbers(test) == list(range(540, 600))
    assert numbers(valid) == list(range(480, 540))


def test_the_last_row_of_a_user_is_the_last_in_time(tmp_path):
    order = {
        "split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "labeled",
    }  # fmt: skip
    lines = [
        f"u{n // 10}\tr{n}\ts{n % 2}\t{n % 2}\t{1.7e9 + n // 10 * 86400 + n % 10 * 5:.0f}"
        for n in range(600)
    ]
    shuffled = [lines[n] for n in np.random.default_rng(1).permutation(600)]
    _, _, test = splits_of(tmp_path, shuffled, eval_args=order)
    assert sorted(numbers(test)) == list(range(9, 600, 10))


def test_normalisation_takes_the_range_of_the_training_rows(tmp_path):
    order = {"split": {"RS": [0.8, 0.1, 0.1]}, "order": "TO", "group_by": None, "mode": "labeled"}
    lines = [f"{line}\t{1e9 if n == 599 else n % 10}" for n, line in enumerate(rows(600))]
    train, _, test = splits_of(
        tmp_path,
        lines,
        head=f"{HEAD}\tdwell:float",
        load_col={"inter": [*TABLE["load_col"]["inter"], "dwell"]},
        numerical_features=["dwell"],
        normalize_field=["dwell"],
        eval_args=order,
    )
    dwell = train.inter_feat["dwell"]
    values = dwell if dwell.dim() == 1 else dwell[:, 0]
    torch.testing.assert_close(values, torch.arange(480) % 10 / 9)
    assert float(test.inter_feat["dwell"].max()) > 1e7


def test_the_label_is_not_normalised(tmp_path):
    train, *_ = splits_of(tmp_path, [line.replace("\t1\t", "\t0\t") for line in rows(100)],
                          normalize_all=True)  # fmt: skip
    assert float(train.inter_feat["label"].max()) == 0


def test_copies_on_both_sides_of_a_split_are_counted(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        splits_of(tmp_path, [line for line in rows(100) for _ in range(3)])
    assert "of 60 rows of validation and test are copies of training rows" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        splits_of(tmp_path / "other", rows(300))
    assert "copies" not in caplog.text


def test_a_scenario_without_training_rows_is_named(tmp_path, caplog):
    order = {"split": {"RS": [0.8, 0.1, 0.1]}, "order": "TO", "group_by": None, "mode": "labeled"}
    lines = [line.replace("\ts1\t", "\tnew\t") if n > 560 else line for n, line in
             enumerate(rows(600))]  # fmt: skip
    with caplog.at_level(logging.WARNING):
        splits_of(tmp_path, lines, eval_args=order)
    assert "Scenario new has rows in the test split and none to train on" in caplog.text


def test_an_empty_validation_split_is_warned_of(tmp_path, caplog):
    order = {"split": {"RS": [0.9, 0.0, 0.1]}, "order": "RO", "group_by": None, "mode": "labeled"}
    with caplog.at_level(logging.WARNING):
        splits_of(tmp_path, rows(100), eval_args=order)
    assert "The validation split has no rows: training cannot stop early" in caplog.text
