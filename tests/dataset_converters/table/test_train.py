"""From a CSV to a trained LLM4MSR_STAR, with what the converter writes alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dataset_converters.table import TableOptions, convert_table
from recbole_llm4msr import run


@pytest.mark.parametrize("timed", [True, False])
def test_a_csv_is_enough(write, tmp_path: Path, timed: bool) -> None:
    rng = np.random.default_rng(1)
    lines = ["uid,iid,tab,click,hour" + (",ts" if timed else "")]
    for k in range(600):
        user, item = rng.integers(30), rng.integers(25)
        time = f",{1_600_000_000 + k}" if timed else ""
        lines.append(f"u{user},{item},{'ab'[k % 2]},{(user + item) % 2},{k % 24}{time}")
    items = ["iid,title,genres,price"]
    items += [f"{k},Film {k} of {k % 5},Drama|{'War' if k % 2 else 'Fun'},{k}.5" for k in range(24)]
    users = ["uid,age,gender", *(f"u{k},{20 + k},{'FM'[k % 2]}" for k in range(29))]
    options = TableOptions(
        items=(write("items.csv", items),),
        users=(write("users.csv", users),),
        features=("hour",),
    )
    convert_table([write("log.csv", lines)], tmp_path / "dataset" / "mine", options)
    short = {"epochs": 1, "train_batch_size": 128, "embedding_size": 4, "mlp_hidden_size": [8]}
    result = run("LLM4MSR_STAR", "mine", config_dict={**short, "show_progress": False})
    assert set(result["test_result"]) >= {"auc", "auc@a", "auc@b"}
    assert 0 <= result["test_result"]["auc"] <= 1
