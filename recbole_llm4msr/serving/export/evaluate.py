"""The test split scored through an artefact: the same scores as torch's, and its metrics."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import torch
from recbole.data.dataset import Dataset
from recbole.data.interaction import Interaction
from recbole.evaluator.collector import DataStruct
from recbole.utils import EvaluatorType
from torch import nn

from recbole_llm4msr.evaluation import ScenarioEvaluator
from recbole_llm4msr.serving.errors import ExportError
from recbole_llm4msr.serving.export.model_fields import model_fields, normalised_range
from recbole_llm4msr.serving.scorer import Scorer

#: Largest difference of a probability from torch's.
TOLERANCE = 1e-5

#: Test rows that are compared.
_COMPARED = 10_000

_BATCH = 2048


@torch.no_grad()
def reference_scores(model: nn.Module, test: Dataset, n_rows: int = _COMPARED) -> np.ndarray:
    """Torch's predictions of the first rows of a split, float32."""
    model.eval()
    rows = min(n_rows, len(test))
    scores = [
        model.predict(_rows(test, low, min(low + _BATCH, rows))).reshape(-1).numpy()
        for low in range(0, rows, _BATCH)
    ]
    return np.concatenate([np.empty(0, np.float32), *scores])


def _rows(test: Dataset, low: int, high: int) -> Interaction:
    columns = test.inter_feat.interaction
    return test.join(Interaction({name: column[low:high] for name, column in columns.items()}))


def raw_rows(model: nn.Module, test: Dataset) -> pl.DataFrame:
    """A split's rows in raw tokens, as they are before training: what an artefact reads.

    A user or an item that the model was not trained with has id 0, and an empty token here.
    """
    fields = model_fields(model, test)
    own = [f for f in fields if f.source == "interaction"]
    names = dict.fromkeys([test.uid_field, test.iid_field, *(field.name for field in own)])
    kinds = {field.name: field for field in own}
    columns = {}
    for name in names:
        values = test.inter_feat[name].numpy()
        kind = kinds[name].kind if name in kinds else "token"
        if kind == "float":
            numbers = (values if values.ndim == 1 else values[:, 0]).astype(np.float64)
            columns[name] = _unscaled(numbers, normalised_range(test, name))
        elif kind == "token":
            columns[name] = test.raw_tokens(name, values)
            if name in (test.uid_field, test.iid_field):
                columns[name] = columns[name].fill_null("")
        else:
            tokens = test.field2id_token[name]
            columns[name] = [[str(tokens[i]) for i in row if i] for row in values]
    return pl.DataFrame(columns)


def _unscaled(values: np.ndarray, limits: tuple[float, float] | None) -> np.ndarray:
    if limits is None or limits[0] == limits[1]:
        return values
    return values * (limits[1] - limits[0]) + limits[0]


def check_same(scores: np.ndarray, reference: np.ndarray) -> float:
    """Compare with torch's scores; return the largest difference.

    Raises:
        ExportError: A score differs by more than :data:`TOLERANCE`.
    """
    difference = float(np.abs(scores[: len(reference)] - reference).max(initial=0))
    if not difference <= TOLERANCE:
        raise ExportError(
            f"the exported model scores the test rows differently: by up to {difference:.2g}, "
            f"where at most {TOLERANCE} is allowed"
        )
    return difference


def metrics_of(config, test: Dataset, scores: np.ndarray) -> dict[str, float]:
    """Metrics of a split's scores: overall, by scenario and their mean; none without labels."""
    if test.label_field not in test.inter_feat or config["eval_type"] == EvaluatorType.RANKING:
        return {}
    struct = DataStruct()
    struct.set("rec.score", torch.from_numpy(scores))
    struct.set("data.label", test.inter_feat[test.label_field])
    struct.set("data.user", test.inter_feat[test.uid_field])
    scenario = getattr(test, "scenario_field", None)
    if scenario is not None:
        struct.set("data.scenario", test.inter_feat[scenario])
    if not len(scores):
        return {}
    evaluator = ScenarioEvaluator(config, test.scenario_tokens if scenario else [])
    return dict(evaluator.evaluate(struct))


def score_split(scorer: Scorer, rows: pl.DataFrame) -> np.ndarray:
    """Scores of raw rows, float32."""
    encoded: Any = scorer.encoder.encode(rows, on_unknown="score")
    return scorer.score(encoded)
