"""GAUC from the scores of labelled rows, names of metrics and their direction."""

from __future__ import annotations

import numpy as np
from recbole.evaluator import smaller_metrics
from recbole.evaluator.base_metric import AbstractMetric
from recbole.evaluator.collector import DataStruct
from recbole.utils import EvaluatorType
from scipy.stats import rankdata


def metric_key(name: str) -> str:
    """Return the key of a metric in a result: ``auc@Beauty`` for ``AUC@Beauty``."""
    metric, separator, scenario = name.partition("@")
    return metric.lower() + separator + scenario


def higher_is_better(metric: str) -> bool:
    """Whether a higher value of a metric is better; its ``@<scenario>`` does not matter."""
    return metric.split("@")[0].lower() not in smaller_metrics


class GAUC(AbstractMetric):
    r"""AUC within each user, averaged with the user's number of impressions as weight.

    .. math:: \mathrm{GAUC} = \frac{\sum_u n_u \mathrm{AUC}_u}{\sum_u n_u}

    Users whose rows all have the same label have no AUC and are left out. If there are no other
    users, the result is NaN.

    Reference:
        Guorui Zhou et al. "Deep Interest Network for Click-Through Rate Prediction." KDD 2018,
        section 6.2. RecBole's metric of this name ranks full item lists; this one takes
        labelled rows.
    """

    metric_type = EvaluatorType.VALUE
    metric_need = ("rec.score", "data.label", "data.user")

    def calculate_metric(self, dataobject: DataStruct) -> dict[str, float]:
        """``{"gauc": value}`` of the collected rows."""
        value = gauc(
            dataobject.get("rec.score").numpy(),
            dataobject.get("data.label").numpy(),
            dataobject.get("data.user").numpy(),
        )
        return {"gauc": round(value, self.decimal_place)}


def gauc(scores: np.ndarray, labels: np.ndarray, users: np.ndarray) -> float:
    """Compute GAUC from arrays of shape ``(N,)``; ties count half.

    Within a user, AUC follows from the rank sum of the positives (Mann and Whitney, 1947). Ranking
    all rows by (user, score) at once gives every user's ranks up to a constant, without a loop.
    """
    _, user = np.unique(users, return_inverse=True)
    # Scores as dense ranks first: then user and score fit into one integer key without rounding.
    _, score = np.unique(scores, return_inverse=True)
    ranks = rankdata(user.astype(np.int64) * (len(score) + 1) + score)
    n = np.bincount(user)
    positives = np.bincount(user, weights=labels)
    negatives = n - positives
    first_rank = np.cumsum(n) - n  # rows of the users before
    rank_sum = np.bincount(user, weights=labels * (ranks - first_rank[user]))
    mixed = (positives > 0) & (negatives > 0)
    if not mixed.any():
        return float("nan")
    wins = rank_sum[mixed] - positives[mixed] * (positives[mixed] + 1) / 2
    auc = wins / (positives[mixed] * negatives[mixed])
    return float(np.average(auc, weights=n[mixed]))
