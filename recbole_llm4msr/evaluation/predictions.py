"""Predictions of a split, written as parquet with raw tokens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from recbole.evaluator.collector import DataStruct

from recbole_llm4msr.data import MultiScenarioDataset
from recbole_llm4msr.util.atomic_write import atomic_write


def save_predictions(
    path: str | Path, rows: DataStruct, dataset: MultiScenarioDataset, train: MultiScenarioDataset
) -> None:
    """Write user, item, scenario (raw tokens), label and score of every row as parquet.

    Column ``train_rows`` is the user's number of training rows, which separates cold from active
    users. The write is atomic.

    Args:
        path: File to write.
        rows: Rows of the split, collected by :class:`ScenarioCollector`.
        dataset: Data set, which has the tokens of the ids.
        train: The training split.
    """
    fields = {"user": dataset.uid_field, "item": dataset.iid_field}
    if dataset.scenario_field is not None:
        fields["scenario"] = dataset.scenario_field
    seen = np.bincount(train.inter_feat[train.uid_field].numpy(), minlength=train.user_num)
    frame = pl.DataFrame(
        {
            **{
                name: dataset.raw_tokens(field, rows.get(f"data.{name}").numpy())
                for name, field in fields.items()
            },
            "label": rows.get("data.label").numpy(),
            "score": rows.get("rec.score").numpy(),
            "train_rows": seen[rows.get("data.user").numpy()],
        }
    )
    with atomic_write(path) as temporary:
        frame.write_parquet(temporary)
