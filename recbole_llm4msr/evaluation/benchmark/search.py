"""Tuning one model with hyperopt, by RecBole's search files: the command ``tune``."""

from __future__ import annotations

from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from recbole.trainer import HyperTuning

from recbole_llm4msr.config import properties_folder
from recbole_llm4msr.evaluation.benchmark.folder import fingerprint
from recbole_llm4msr.evaluation.benchmark.jobs import Job
from recbole_llm4msr.evaluation.benchmark.records import Run
from recbole_llm4msr.evaluation.benchmark.runner import Runner
from recbole_llm4msr.evaluation.benchmark.statistics import metric_bigger
from recbole_llm4msr.evaluation.benchmark.study import StudyError, check_settings, valid_metric
from recbole_llm4msr.evaluation.benchmark.tuning import score
from recbole_llm4msr.model import get_model

ALGORITHMS = ("bayes", "random", "exhaustive")


class SeededTuning(HyperTuning):
    """RecBole's tuning with a seed, whose trials are runs of a benchmark.

    The same seed asks for the same trials in the same order, and a finished run is never repeated:
    a search that was stopped goes on where it was.

    Args:
        model: Name of the model.
        dataset: Name of the data set.
        settings: Configuration of all trials.
        params_file: Search space in RecBole's form, ``key choice [a,b]`` and the like, a line each.
        algorithm: ``bayes`` (TPE), ``random`` or ``exhaustive``, which needs a choice for every
            key.
        trials: Number of trials; ``exhaustive`` tries every point of the space instead.
        seed: Seed of the search and of every trial.
        runner: Runs the trials.

    Raises:
        StudyError: The algorithm, the file or a setting cannot be meant, or hyperopt is missing.
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
            raise StudyError(f"algorithm: {algorithm!r} is none of {', '.join(ALGORITHMS)}")
        if not params_file.is_file():
            raise StudyError(f"{params_file}: there is no such file")
        try:
            # RecBole's own exhaustive search draws until a point repeats too often; see `run`.
            drawn = "random" if algorithm == "exhaustive" else algorithm
            super().__init__(
                None, None, params_file, algo=drawn, max_evals=trials, early_stop=trials
            )
        except ModuleNotFoundError as error:
            raise StudyError("tune needs hyperopt: pip install '.[tune]'") from error
        except (ValueError, SyntaxError, NameError, TypeError) as error:
            raise StudyError(
                f"{params_file}: {error}; a line is `key choice [a,b]`, `key uniform low,high`, "
                "`key quniform low,high,step` or `key loguniform low,high`"
            ) from error
        if not self.space:
            raise StudyError(f"{params_file}: there is nothing to search in it")
        get_model(model)
        try:
            check_settings(self.space, model)
        except StudyError as error:
            raise StudyError(f"{params_file}: {error}") from error
        check_settings(settings, model)
        self.model, self.dataset, self.settings = model, dataset, settings
        self.seed, self.runner = seed, runner
        self.metric = valid_metric(settings)
        self.bigger = metric_bigger(self.metric)
        self.runs: list[Run] = []
        #: Every point of the space, as numbers of choices; empty where it is searched otherwise.
        self.grid: list[dict[str, int]] = []
        if algorithm == "exhaustive":
            endless = [key for key, node in self.space.items() if node.name != "switch"]
            if endless:
                raise StudyError(
                    f"{params_file}: exhaustive search needs a choice for {', '.join(endless)}"
                )
            # The node of a choice holds the draw, and then what is drawn from.
            numbers = [range(len(node.pos_args) - 1) for node in self.space.values()]
            self.grid = [dict(zip(self.space, point, strict=True)) for point in product(*numbers)]

    @property
    def planned(self) -> int:
        """Number of trials."""
        return len(self.grid) or self.max_evals

    def trial(self, params: dict[str, Any]) -> dict[str, Any]:
        """Run one point of the space; what hyperopt is told is its validation score."""
        import hyperopt

        point = {key: _plain(value) for key, value in params.items()}
        job = Job(
            self.model,
            self.model,
            self.dataset,
            self.seed,
            {**self.settings, **point},
            None,
            "trial",
            fingerprint(self.dataset, self.settings.get("data_path")),
        )
        found = self.runner.run([job])
        value = score(found[0], self.metric, self.bigger) if found else None
        if value is None:  # a point that cannot be trained is a bad one, not the end
            return {"status": hyperopt.STATUS_FAIL}
        self.runs += found
        return {"loss": -value, "status": hyperopt.STATUS_OK}

    def run(self) -> list[Run]:
        """All trials that could be trained, the best by validation first."""
        from hyperopt import fmin, space_eval
        from hyperopt.exceptions import AllTrialsFailed

        for point in self.grid:
            self.trial(space_eval(self.space, point))
        if not self.grid:
            with suppress(AllTrialsFailed):  # an empty list says so
                fmin(
                    self.trial,
                    self.space,
                    algo=self.algo,
                    max_evals=self.max_evals,
                    rstate=np.random.default_rng(self.seed),
                    show_progressbar=False,
                    verbose=False,
                )
        return sorted(self.runs, key=lambda run: -score(run, self.metric, self.bigger))


def default_params_file(model: str) -> Path:
    """The search space that comes with a model: ``LLM4MSR_X`` is searched by LLM4MSR's.

    Raises:
        StudyError: There is none.
    """
    name = "LLM4MSR" if model.startswith("LLM4MSR_") else model
    file = properties_folder() / "hyper" / f"{name}.hyper"
    if not file.is_file():
        raise StudyError(f"{model} comes without a search space; give --params_file")
    return file


def _plain(value: Any) -> Any:
    """hyperopt hands out numpy numbers and tuples."""
    if isinstance(value, np.generic):
        return value.item()
    return list(value) if isinstance(value, tuple) else value
