"""Hyperparameter search of one model with hyperopt and RecBole's search files."""

from __future__ import annotations

from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from recbole.trainer import HyperTuning

from recbole_llm4msr.config import properties_folder
from recbole_llm4msr.evaluation.benchmark.execution.dataset_fingerprint import dataset_fingerprint
from recbole_llm4msr.evaluation.benchmark.execution.jobs import Job
from recbole_llm4msr.evaluation.benchmark.execution.records import Run
from recbole_llm4msr.evaluation.benchmark.execution.runner import Runner
from recbole_llm4msr.evaluation.benchmark.execution.selection import validation_score
from recbole_llm4msr.evaluation.benchmark.plan import StudyError, check_settings, valid_metric
from recbole_llm4msr.evaluation.metrics import higher_is_better
from recbole_llm4msr.model import get_model

ALGORITHMS = ("bayes", "random", "exhaustive")


class SeededTuning(HyperTuning):
    """RecBole's tuning with a seed, whose trials are runs of a benchmark.

    The same seed gives the same trials in the same order, and a recorded run is not repeated: a
    search that was stopped continues.

    Args:
        model: Name of the model.
        dataset: Name of the data set.
        settings: Configuration of all trials.
        params_file: Search file of RecBole: one ``key choice [a,b]`` or similar per line.
        algorithm: ``bayes`` (TPE), ``random`` or ``exhaustive``, which needs a choice for every
            key.
        trials: Number of trials; ``exhaustive`` tries every point of the space instead.
        seed: Seed of the search and of every trial.
        runner: Runs the trials.

    Raises:
        StudyError: The algorithm, the file or a setting is not valid, or hyperopt is missing.
    """

    def __init__(
        self,
        model: str,
        dataset: str,
        settings: dict[str, Any],
        params_file: Path,
        algorithm: str,
        trials: int,
        seed: int,
        runner: Runner,
    ) -> None:
        if algorithm not in ALGORITHMS:
            raise StudyError(f"algorithm: {algorithm!r} is not one of {', '.join(ALGORITHMS)}")
        if not params_file.is_file():
            raise StudyError(f"{params_file}: there is no such file")
        try:
            # RecBole's exhaustive search stops when it draws one point too often; see `run`.
            drawing = "random" if algorithm == "exhaustive" else algorithm
            super().__init__(
                None, None, params_file, algo=drawing, max_evals=trials, early_stop=trials
            )
        except ModuleNotFoundError as error:
            raise StudyError("tune needs hyperopt: pip install '.[tune]'") from error
        except (ValueError, SyntaxError, NameError, TypeError) as error:
            raise StudyError(
                f"{params_file}: {error}; a line is `key choice [a,b]`, `key uniform low,high`, "
                "`key quniform low,high,step` or `key loguniform low,high`"
            ) from error
        if not self.space:
            raise StudyError(f"{params_file}: there is nothing to search")
        get_model(model)
        try:
            check_settings(self.space, model)
        except StudyError as error:
            raise StudyError(f"{params_file}: {error}") from error
        check_settings(settings, model)
        self.model, self.dataset, self.settings = model, dataset, settings
        self.seed, self.runner = seed, runner
        self.metric = valid_metric(settings)
        self.higher_is_better = higher_is_better(self.metric)
        self.runs: list[Run] = []
        self._n_trials = 0
        #: Points of an exhaustive search, as indices of choices; empty for the other algorithms.
        self.grid: list[dict[str, int]] = []
        if algorithm == "exhaustive":
            not_choices = [key for key, node in self.space.items() if node.name != "switch"]
            if not_choices:
                raise StudyError(
                    f"{params_file}: exhaustive search needs a choice for {', '.join(not_choices)}"
                )
            # The arguments of a choice's node are the drawn index and the values.
            indices = [range(len(node.pos_args) - 1) for node in self.space.values()]
            self.grid = [dict(zip(self.space, point, strict=True)) for point in product(*indices)]

    @property
    def planned(self) -> int:
        """Number of trials."""
        return len(self.grid) or self.max_evals

    def trial(self, params: dict[str, Any]) -> dict[str, Any]:
        """Run one point of the space; return its validation score as hyperopt's loss."""
        import hyperopt

        point = {key: _plain(value) for key, value in params.items()}
        self._n_trials += 1
        job = Job(
            label=self.model,
            model=self.model,
            dataset=self.dataset,
            seed=self.seed,
            settings={**self.settings, **point},
            phase="trial",
            data=dataset_fingerprint(self.dataset, self.settings.get("data_path")),
            trial=self._n_trials,
        )
        runs = self.runner.run([job])
        score = self._score(runs[0]) if runs else None
        if score is None:  # a point that cannot be trained does not end the search
            return {"status": hyperopt.STATUS_FAIL}
        if runs[0] not in self.runs:  # a point that is drawn twice is one trial
            self.runs += runs
        return {"loss": -score, "status": hyperopt.STATUS_OK}

    def _score(self, run: Run) -> float | None:
        return validation_score(run, self.metric, self.higher_is_better)

    def run(self) -> list[Run]:
        """Run all trials; return those that could be trained, best validation score first."""
        from hyperopt import fmin, space_eval
        from hyperopt.exceptions import AllTrialsFailed

        for point in self.grid:
            self.trial(space_eval(self.space, point))
        if not self.grid:
            with suppress(AllTrialsFailed):  # the list is empty then
                fmin(
                    self.trial,
                    self.space,
                    algo=self.algo,
                    max_evals=self.max_evals,
                    rstate=np.random.default_rng(self.seed),
                    show_progressbar=False,
                    verbose=False,
                )
        return sorted(self.runs, key=lambda run: -self._score(run))


def default_params_file(model: str) -> Path:
    """Return the search file of a model; that of LLM4MSR for every ``LLM4MSR_X``.

    Raises:
        StudyError: The model has none.
    """
    name = "LLM4MSR" if model.startswith("LLM4MSR_") else model
    file = properties_folder() / "hyper" / f"{name}.hyper"
    if not file.is_file():
        raise StudyError(f"{model} comes without a search space; give --params_file")
    return file


def _plain(value: Any) -> Any:
    """Return hyperopt's numpy numbers and tuples as numbers and lists of Python."""
    if isinstance(value, np.generic):
        return value.item()
    return list(value) if isinstance(value, tuple) else value
