"""The study that the options of the command ``benchmark`` describe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from recbole_llm4msr.evaluation.benchmark.plan.study import Study, from_models, with_baseline
from recbole_llm4msr.evaluation.benchmark.plan.study_file import read_study, seeds_of

#: Search space of ``--tune`` where the study has none.
DEFAULT_SPACE = {"learning_rate": [0.0005, 0.001, 0.002, 0.005], "dropout_prob": [0.0, 0.1, 0.2]}


def study_from_options(
    *,
    study_file: Path | None = None,
    dataset: str | None = None,
    models: list[str] | None = None,
    file_settings: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    seeds: int | None = None,
    tune: int | None = None,
    baseline: str | None = None,
) -> Study:
    """Make the study of a command line.

    Args:
        study_file: Study file; otherwise ``dataset`` and ``models`` are needed.
        dataset: Name of the data set.
        models: Names of the models.
        file_settings: Settings of configuration files; those of the study file override them.
        settings: Settings of the command line; they override all others.
        seeds: Number of seeds, in place of the study's.
        tune: Trials of tuning per model, in place of the study's.
        baseline: Label of the entry that all others are compared with.

    Raises:
        StudyError: The study is not valid.
    """
    weak, strong = dict(file_settings or {}), dict(settings or {})
    if study_file is not None:
        study = read_study(study_file)
        study = replace(study, settings={**weak, **study.settings, **strong})
    else:
        study = from_models(models or [], dataset=dataset, settings={**weak, **strong})
    if seeds is not None:
        study = replace(study, seeds=seeds_of(seeds))
    if tune is not None:
        study = replace(study, tune=tune, space=study.space or DEFAULT_SPACE)
    return study if baseline is None else with_baseline(study, baseline)
