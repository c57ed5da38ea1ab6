"""Reading a study from a yaml file."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from recbole_llm4msr.evaluation.benchmark.plan.checks import StudyError, check_keys
from recbole_llm4msr.evaluation.benchmark.plan.study import FIRST_SEED, Entry, Study


def read_study(path: str | Path) -> Study:
    """Read a study file.

    .. code-block:: yaml

        dataset: amazon-bst
        seeds: 5                      # or a list
        settings: {embedding_size: 16}
        tune: 6
        space: {learning_rate: [0.001, 0.002], dropout_prob: [0.0, 0.2]}
        runs:
          STAR:
          LLM4MSR_STAR: {baseline: STAR}
          no user level:
            {model: LLM4MSR_STAR, settings: {use_user_meta: False}, baseline: LLM4MSR_STAR}

    Raises:
        StudyError: There is no such file, or a key or value in it is not valid.
    """
    path = Path(path)
    try:
        content = read_mapping(path)
    except FileNotFoundError as error:
        raise StudyError(f"{path}: there is no such study") from error
    try:
        return _parse_study(content)
    except StudyError as error:
        raise StudyError(f"{path}: {error}") from error


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a yaml file of lines ``key: value``.

    Raises:
        FileNotFoundError: There is no such file.
        StudyError: It holds something else.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise StudyError(f"{path}: not valid yaml: {error}") from error
    if not isinstance(content, dict):
        raise StudyError(f"{path}: expected lines of `key: value`")
    return content


def _parse_study(content: dict[str, Any]) -> Study:
    check_keys(content, {f.name for f in fields(Study)} - {"entries"} | {"runs"})
    missing = {"dataset", "runs"} - set(content)
    if missing:
        raise StudyError(f"{' and '.join(sorted(missing))} missing")
    runs = content.pop("runs")
    if isinstance(runs, list):
        runs = dict.fromkeys(map(str, runs))
    if not isinstance(runs, dict) or not runs:
        raise StudyError("runs: expected names of models, or labels with their settings")
    entries = tuple(_parse_entry(str(label), given) for label, given in runs.items())
    for key in ("settings", "space"):
        if content.get(key, ...) is None:
            del content[key]
    return Study(**{**content, "seeds": seeds_of(content.get("seeds", 1)), "entries": entries})


def _parse_entry(label: str, given: Any) -> Entry:
    given = {} if given is None else given
    if not isinstance(given, dict):
        raise StudyError(f"{label}: expected `key: value` (`model: STAR`), got {given!r}")
    check_keys(given, {f.name for f in fields(Entry)} - {"label"})
    entry = Entry(**{"label": label, "model": label, **given})
    if not isinstance(entry.model, str):
        raise StudyError(f"{label}: model: {entry.model!r} is not a name of a model")
    return entry


def seeds_of(seeds: int | list[int]) -> tuple[int, ...]:
    """Return a list of seeds as it is; a number ``n`` gives ``n`` seeds from RecBole's default on.

    Raises:
        StudyError: It is neither, or a seed is there twice.
    """
    if type(seeds) is int:
        seeds = list(range(FIRST_SEED, FIRST_SEED + seeds))
    if not seeds or not isinstance(seeds, list) or any(type(seed) is not int for seed in seeds):
        raise StudyError(f"seeds: {seeds!r} is neither a number of seeds nor a list of them")
    if len(set(seeds)) < len(seeds):
        raise StudyError(f"seeds: {seeds}: a seed must not be there twice")
    return tuple(seeds)
