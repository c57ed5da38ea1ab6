"""Clustered bootstrap over test users: AUC, LogLoss and intervals of their differences."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from recbole_llm4msr.evaluation.benchmark.execution.records import Run, read_predictions

#: Percentiles of a 95 % interval.
PERCENTILES = (2.5, 97.5)

#: Columns of predictions that identify their rows.
_ROW_COLUMNS = ("user", "item", "scenario", "label")


class ResampledUsers:
    """Poisson bootstrap of the test users, with all rows of a user drawn together.

    The rows of one user are not independent, so users are drawn, not rows (clustered bootstrap).
    In each draw a user's weight is a Poisson count of mean one, which approximates drawing with
    replacement for many users. All runs share the draws, so that their differences are paired.

    :func:`scipy.stats.bootstrap` has neither clusters nor weights, and draws anew for every
    statistic; here each run is sorted once and weighted in each draw.

    Reference:
        Nicholas Chamandy et al. "Estimating Uncertainty for Massive Data Streams." Google, 2012.

    Args:
        folder: Folder of the runs and their predictions.
        resamples: Number of draws, R.
        seed: Seed of the draws.
    """

    def __init__(self, folder: Path, resamples: int = 1000, seed: int = 0) -> None:
        self.folder, self.resamples = folder, resamples
        self._draw = np.random.default_rng(seed)
        self._user_index: dict[str, int] = {}  # users in the order of their first row
        self._counts = np.empty((resamples, 0), np.uint8)  # weight of each user in each draw
        self._row_digests: dict[str, bytes] = {}  # by file of predictions
        self._metrics: dict[str, dict[str, np.ndarray]] = {}

    def metrics(self, run: Run) -> dict[str, np.ndarray]:
        """Return AUC and LogLoss by key (``auc``, ``auc@<scenario>``), each of shape ``(R,)``.

        Raises:
            ValueError: The run has no predictions.
        """
        if not self.has_predictions(run):
            raise ValueError(f"{run.run}, seed {run.seed}: there are no predictions")
        if run.predictions not in self._metrics:
            frame = read_predictions(self.folder, run)
            for token in frame["user"].unique(maintain_order=True):
                self._user_index.setdefault(token, len(self._user_index))
            rows = Rows.from_predictions(frame, self._user_index)
            self._row_digests[run.predictions] = _digest(frame)
            n_new = len(self._user_index) - self._counts.shape[1]
            new = self._draw.poisson(1, (n_new, self.resamples)).astype(np.uint8)
            self._counts = np.hstack([self._counts, new.T])
            scores = frame["score"].to_numpy().astype(np.float64)
            self._metrics[run.predictions] = rows.metrics(scores, self._counts)
        return self._metrics[run.predictions]

    def has_predictions(self, run: Run) -> bool:
        """Whether the file of a run's predictions exists."""
        return run.predictions is not None and (self.folder / run.predictions).is_file()

    def same_rows(self, ours: Sequence[Run], theirs: Sequence[Run]) -> bool:
        """Whether two models were tested on the same rows, seed by seed, where predictions exist.

        Settings can change the test rows (a filter, another split), and so can the seed.
        """
        pairs = [pair for pair in _pairs(ours, theirs) if all(map(self.has_predictions, pair))]
        return all(self._row_digest(a) == self._row_digest(b) for a, b in pairs)

    def _row_digest(self, run: Run) -> bytes:
        """Digest of a run's test rows and their order."""
        if run.predictions not in self._row_digests:
            self._row_digests[run.predictions] = _digest(read_predictions(self.folder, run))
        return self._row_digests[run.predictions]

    def interval(
        self, ours: Sequence[Run], theirs: Sequence[Run], metric: str
    ) -> tuple[float, float] | None:
        """Return the 95 % interval of ``ours`` minus ``theirs``, averaged over common seeds.

        ``None`` if predictions are missing or of other rows, or the metric cannot be computed.
        """
        pairs = _pairs(ours, theirs)
        if not pairs or not all(self.has_predictions(run) for pair in pairs for run in pair):
            return None
        if not self.same_rows(ours, theirs):
            return None
        differences = []
        for left, right in pairs:
            left_draws, right_draws = (self.metrics(run).get(metric) for run in (left, right))
            if left_draws is None or right_draws is None:
                return None
            differences.append(left_draws - right_draws)
        low, high = np.nanpercentile(np.mean(differences, axis=0), PERCENTILES)
        return float(low), float(high)


def _digest(frame: pl.DataFrame) -> bytes:
    """Digest of the rows of predictions and their order, without their scores."""
    rows = frame.select(name for name in _ROW_COLUMNS if name in frame.columns).hash_rows()
    return hashlib.sha256(rows.to_numpy().tobytes()).digest()


def _pairs(ours: Sequence[Run], theirs: Sequence[Run]) -> list[tuple[Run, Run]]:
    """Pair the runs of two models with the same seed."""
    by_seed = {run.seed: run for run in theirs}
    return [(run, by_seed[run.seed]) for run in ours if run.seed in by_seed]


@dataclass(frozen=True)
class Rows:
    """Test rows without their scores.

    Attributes:
        user: Index of each row's user, shape ``(n,)``.
        label: Whether each label is positive, shape ``(n,)``.
        scenarios: Indices of the rows of each scenario, by its token.
    """

    user: np.ndarray
    label: np.ndarray
    scenarios: dict[str, np.ndarray]

    @classmethod
    def from_predictions(cls, frame: pl.DataFrame, user_index: dict[str, int]) -> Rows:
        """Make the rows of a table of predictions; ``user_index`` has the index of every user."""
        user = frame["user"].replace_strict(user_index, return_dtype=pl.Int64).to_numpy()
        scenarios = {}
        if "scenario" in frame.columns:
            token = frame["scenario"].to_numpy()
            scenarios = {name: np.flatnonzero(token == name) for name in np.unique(token)}
        return cls(user, frame["label"].to_numpy() > 0, scenarios)

    def metrics(self, score: np.ndarray, counts: np.ndarray) -> dict[str, np.ndarray]:
        """Compute AUC and LogLoss of all rows and of each scenario in every draw.

        Args:
            score: Click probabilities, shape ``(n,)``.
            counts: Weight of each user in each draw, shape ``(R, n_users)``.
        """
        result = {}
        groups = {"": np.arange(len(score))}
        groups |= {f"@{token}": rows for token, rows in self.scenarios.items()}
        for suffix, rows in groups.items():
            ranking = Ranking(score[rows], self.label[rows])
            positive_user = self.user[rows][ranking.positive]
            negative_user = self.user[rows][ranking.negative]
            result[f"auc{suffix}"] = np.array(
                [ranking.auc(weight[positive_user], weight[negative_user]) for weight in counts]
            )
            result[f"logloss{suffix}"] = self._log_loss(score[rows], rows, counts)
        return result

    def _log_loss(self, score: np.ndarray, rows: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """LogLoss in every draw: a weighted mean, for which each user's sum of losses suffices."""
        tiny = np.finfo(np.float64).eps
        of_label = np.where(self.label[rows], score, 1 - score).clip(tiny, 1)
        n_users = counts.shape[1]
        losses = np.bincount(self.user[rows], -np.log(of_label), n_users)
        n_rows = np.bincount(self.user[rows], minlength=n_users)
        with np.errstate(invalid="ignore"):
            return (counts @ losses) / (counts @ n_rows.astype(np.float64))


class Ranking:
    """Rows sorted by score once, so that AUC under any weights takes linear time.

    Attributes:
        positive: Indices of the rows with label 1, in order of score.
        negative: Indices of the rows with label 0, in order of score.

    Args:
        score: Shape ``(n,)``.
        label: Whether each label is positive, shape ``(n,)``.
    """

    def __init__(self, score: np.ndarray, label: np.ndarray) -> None:
        order = np.argsort(score, kind="stable")
        self.positive, self.negative = order[label[order]], order[~label[order]]
        negative, positive = score[self.negative], score[self.positive]
        # For each positive row: how many negative rows score lower, and how many not higher.
        self._lower = np.searchsorted(negative, positive, side="left")
        self._not_higher = np.searchsorted(negative, positive, side="right")

    def auc(self, positive: np.ndarray, negative: np.ndarray) -> float:
        """Compute AUC of weighted rows, ties counted half; ``nan`` if a class has no weight.

        Args:
            positive: Integer weights of the rows of :attr:`positive`, in that order.
            negative: Integer weights of the rows of :attr:`negative`.
        """
        cumulated = np.zeros(len(negative) + 1, np.int64)
        np.cumsum(negative, out=cumulated[1:])
        wins = cumulated[self._lower] + cumulated[self._not_higher]  # twice, so that ties are 1
        total = 2 * positive.sum(dtype=np.int64) * cumulated[-1]
        return float((positive * wins).sum() / total) if total else float("nan")
