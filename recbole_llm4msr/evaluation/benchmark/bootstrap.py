"""How certain a difference is over users: metrics of test rows with the users drawn anew."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from recbole_llm4msr.evaluation.benchmark.records import Run

#: Bounds of an interval, in percent.
LEVELS = (2.5, 97.5)

#: Columns of predictions that say which rows they are of.
_ROW = ("user", "item", "scenario", "label")


class ResampledUsers:
    """Metrics of a run's test rows, over and over, each time with users drawn anew.

    All rows of a drawn user come with it, since they are not independent of one another. How often
    a draw has a user is a Poisson number of mean one, which is the bootstrap of many users, and
    the same for every run, so that differences between runs are those of the same users.

    Reference:
        Nicholas Chamandy et al. "Estimating Uncertainty for Massive Data Streams." Google, 2012.

    Args:
        folder: Folder of the runs, where their predictions are.
        resamples: Number of draws, R.
        seed: Seed of the draws.
    """

    def __init__(self, folder: Path, resamples: int = 1000, seed: int = 0) -> None:
        self.folder, self.resamples = folder, resamples
        self._draw = np.random.default_rng(seed)
        self._numbers: dict[str, int] = {}  # of users, in the order in which they were met
        self._counts = np.empty((resamples, 0), np.uint8)
        self._rows: dict[str, bytes] = {}  # which rows a file of predictions is of
        self._metrics: dict[str, dict[str, np.ndarray]] = {}

    def metrics(self, run: Run) -> dict[str, np.ndarray]:
        """AUC and LogLoss by key (``auc``, ``auc@<scenario>``, ...), each of shape ``(R,)``.

        Raises:
            ValueError: The run has no predictions.
        """
        if not self.has(run):
            raise ValueError(f"{run.run}, seed {run.seed}: there are no predictions")
        if run.predictions not in self._metrics:
            frame = pl.read_parquet(self.folder / run.predictions)
            for token in frame["user"].unique(maintain_order=True):
                self._numbers.setdefault(token, len(self._numbers))
            rows = Rows.of(frame, self._numbers)
            self._rows[run.predictions] = _digest(frame)
            n_new = len(self._numbers) - self._counts.shape[1]
            new = self._draw.poisson(1, (n_new, self.resamples)).astype(np.uint8)
            self._counts = np.hstack([self._counts, new.T])
            scores = frame["score"].to_numpy().astype(np.float64)
            self._metrics[run.predictions] = rows.metrics(scores, self._counts)
        return self._metrics[run.predictions]

    def has(self, run: Run) -> bool:
        """Whether the predictions of a run were kept and are still there."""
        return run.predictions is not None and (self.folder / run.predictions).is_file()

    def comparable(self, ours: Sequence[Run], theirs: Sequence[Run]) -> bool:
        """Whether two models were tested on the same rows, as far as predictions were kept.

        Settings may choose the rows (a filter, another split), and each seed may have its own.
        """
        pairs = [pair for pair in _pairs(ours, theirs) if all(map(self.has, pair))]
        return all(self._rows_of(a) == self._rows_of(b) for a, b in pairs)

    def _rows_of(self, run: Run) -> bytes:
        """The same for the same test rows in the same order."""
        if run.predictions not in self._rows:
            self._rows[run.predictions] = _digest(pl.read_parquet(self.folder / run.predictions))
        return self._rows[run.predictions]

    def interval(
        self, ours: Sequence[Run], theirs: Sequence[Run], metric: str
    ) -> tuple[float, float] | None:
        """95 % interval of ``ours`` minus ``theirs``, the mean over the seeds that both have.

        ``None`` where a run's predictions were not kept or are of other rows, or the metric cannot
        be computed.
        """
        pairs = _pairs(ours, theirs)
        if not pairs or not all(self.has(run) for pair in pairs for run in pair):
            return None
        if not self.comparable(ours, theirs):
            return None
        differences = []
        for left, right in pairs:
            found = [self.metrics(run).get(metric) for run in (left, right)]
            if found[0] is None or found[1] is None:
                return None
            differences.append(found[0] - found[1])
        low, high = np.nanpercentile(np.mean(differences, axis=0), LEVELS)
        return float(low), float(high)


def _digest(frame: pl.DataFrame) -> bytes:
    """The same for predictions of the same rows in the same order, whatever their scores."""
    rows = frame.select(name for name in _ROW if name in frame.columns).hash_rows()
    return hashlib.sha256(rows.to_numpy().tobytes()).digest()


def _pairs(ours: Sequence[Run], theirs: Sequence[Run]) -> list[tuple[Run, Run]]:
    """The runs of two models with the same seed."""
    other = {run.seed: run for run in theirs}
    return [(run, other[run.seed]) for run in ours if run.seed in other]


@dataclass(frozen=True)
class Rows:
    """Test rows without their scores.

    Attributes:
        user: Number of each row's user, shape ``(n,)``.
        label: Shape ``(n,)``.
        scenarios: Rows of each scenario, by its token.
    """

    user: np.ndarray
    label: np.ndarray
    scenarios: dict[str, np.ndarray]

    @classmethod
    def of(cls, frame: pl.DataFrame, numbers: dict[str, int]) -> Rows:
        """The rows of a file of predictions, users by ``numbers``."""
        user = frame["user"].replace_strict(numbers, return_dtype=pl.Int64).to_numpy()
        scenarios = {}
        if "scenario" in frame.columns:
            token = frame["scenario"].to_numpy()
            scenarios = {name: np.flatnonzero(token == name) for name in np.unique(token)}
        return cls(user, frame["label"].to_numpy() > 0, scenarios)

    def metrics(self, score: np.ndarray, counts: np.ndarray) -> dict[str, np.ndarray]:
        """AUC and LogLoss of all rows and of each scenario's, under every draw.

        Args:
            score: Click probabilities, shape ``(n,)``.
            counts: How often each draw has each user, shape ``(R, n_users)``.
        """
        found = {}
        parts = {"": np.arange(len(score)), **{f"@{s}": at for s, at in self.scenarios.items()}}
        for suffix, at in parts.items():
            ranking = Ranking(score[at], self.label[at])
            ours, theirs = (self.user[at][rows] for rows in (ranking.positive, ranking.negative))
            found[f"auc{suffix}"] = np.array(
                [ranking.auc(drawn[ours], drawn[theirs]) for drawn in counts]
            )
            found[f"logloss{suffix}"] = self._log_loss(score[at], at, counts)
        return found

    def _log_loss(self, score: np.ndarray, at: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """LogLoss is a mean over rows: a user's sum of losses says all."""
        tiny = np.finfo(np.float64).eps
        of_label = np.where(self.label[at], score, 1 - score).clip(tiny, 1)
        n_users = counts.shape[1]
        losses = np.bincount(self.user[at], -np.log(of_label), n_users)
        n_rows = np.bincount(self.user[at], minlength=n_users)
        with np.errstate(invalid="ignore"):
            return (counts @ losses) / (counts @ n_rows.astype(np.float64))


class Ranking:
    """Rows sorted by score once, so that AUC under any weights is a walk along them.

    Attributes:
        positive: Rows with label 1, by score.
        negative: Rows with label 0, by score.

    Args:
        score: Shape ``(n,)``.
        label: Shape ``(n,)``, truth values.
    """

    def __init__(self, score: np.ndarray, label: np.ndarray) -> None:
        order = np.argsort(score, kind="stable")
        self.positive, self.negative = order[label[order]], order[~label[order]]
        lower, own = score[self.negative], score[self.positive]
        self._below = np.searchsorted(lower, own, side="left")
        self._through = np.searchsorted(lower, own, side="right")

    def auc(self, positive: np.ndarray, negative: np.ndarray) -> float:
        """AUC with rows weighted, ties counted half; ``nan`` where a class has no weight.

        Args:
            positive: Weights of the rows of :attr:`positive`, in that order, whole numbers.
            negative: Weights of the rows of :attr:`negative`.
        """
        passed = np.zeros(len(negative) + 1, np.int64)
        np.cumsum(negative, out=passed[1:])
        won = passed[self._below] + passed[self._through]
        total = 2 * positive.sum(dtype=np.int64) * passed[-1]
        return float((positive * won).sum() / total) if total else float("nan")
