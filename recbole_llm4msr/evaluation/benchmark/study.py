"""A study: which models, settings and seeds are compared, read from a yaml file or made here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import yaml

from recbole_llm4msr.config.keys import keys_of, known_keys, unknown_keys
from recbole_llm4msr.evaluation import metric_key
from recbole_llm4msr.model import get_model

#: First seed of a study that names only how many; RecBole's default.
FIRST_SEED = 2020

#: What a benchmark itself says of every run, and how it is said there.
_OWN_KEYS = {
    "seed": "give `seeds` (--seeds, or --seed of `tune`)",
    "model": "give `runs` (--models)",
    "dataset": "it is that of the study",
    "checkpoint_dir": "checkpoints are not kept",
    "result_json": "results are in runs.jsonl",
    "save_predictions": "they are in the folder of the benchmark",
    "config_files": "write what the files hold, or name them on the command line",
    **dict.fromkeys(
        ("nproc", "world_size", "ip", "port", "group_offset"), "a run is one process; see --jobs"
    ),
}


class StudyError(ValueError):
    """A study that cannot be meant."""


@dataclass(frozen=True)
class Entry:
    """One row of the table: a model with settings, trained once per seed.

    Attributes:
        label: Its name in the table.
        model: Name of the model, ours or RecBole's.
        settings: Configuration beyond that of the whole study.
        baseline: Label of the entry that it is compared with, if any.
        tuned_as: Label of the entry whose tuned settings it takes over instead of being tuned.
        space: What is searched for it instead of the study's, where its options have other names.
    """

    label: str
    model: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    baseline: str | None = None
    tuned_as: str | None = None
    space: Mapping[str, list] = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """What is compared with what.

    Attributes:
        dataset: Name of the data set.
        entries: The rows of the table.
        seeds: Seeds; every entry is trained with each.
        settings: Configuration of all entries.
        tune: Trials of tuning per entry; 0 trains with the defaults.
        space: What is searched, the same for every entry that has such options: values by key.
    """

    dataset: str
    entries: tuple[Entry, ...]
    seeds: tuple[int, ...] = (FIRST_SEED,)
    settings: Mapping[str, Any] = field(default_factory=dict)
    tune: int = 0
    space: Mapping[str, list] = field(default_factory=dict)

    def __post_init__(self) -> None:
        labels = [entry.label for entry in self.entries]
        if not labels:
            raise StudyError("a study needs at least one model")
        twice = {label for label in labels if labels.count(label) > 1}
        if twice:
            raise StudyError(f"{', '.join(sorted(twice))}: named twice")
        for entry in self.entries:
            for role in ("baseline", "tuned_as"):
                other = getattr(entry, role)
                if other is not None and other not in labels:
                    raise StudyError(
                        f"{entry.label}: {role} {other!r} is not among {', '.join(labels)}"
                    )
            if entry.tuned_as and self.entry(entry.tuned_as).tuned_as:
                raise StudyError(f"{entry.label}: {entry.tuned_as} is not tuned itself")
        if type(self.tune) is not int or self.tune < 0:
            raise StudyError(f"tune: {self.tune!r} is no number of trials")
        if self.tune and not self.space:
            raise StudyError("tune: nothing to search; give `space`, values by key")
        check_settings(self.settings)
        _check_space(self.space)
        for entry in self.entries:
            try:
                get_model(entry.model)
                check_settings(entry.settings, entry.model)
                _check_space(entry.space, entry.model)
            except (ValueError, ImportError) as error:  # a model whose library is not here, too
                raise StudyError(f"{entry.label}: {error}") from error

    @property
    def valid_metric(self) -> str:
        """Key of the metric that trials are judged by."""
        return valid_metric(self.settings)

    def entry(self, label: str) -> Entry:
        """The entry of this label."""
        return next(entry for entry in self.entries if entry.label == label)

    def space_of(self, entry: Entry) -> Mapping[str, list]:
        """What is searched for an entry: nothing that its model would not read."""
        others = unknown_keys(self.space, keys_of(entry.model))
        return entry.space or {key: of for key, of in self.space.items() if key not in others}


def from_models(models: list[str], **study: Any) -> Study:
    """A study of models by name; ``LLM4MSR_X`` is compared with ``X`` where both are there."""
    entries = tuple(
        Entry(model, model, baseline=plain if plain != model and plain in models else None)
        for model in models
        for plain in [model.removeprefix("LLM4MSR_")]
    )
    return Study(entries=entries, **study)


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
        StudyError: There is no such file, or a key or value in it cannot be meant.
    """
    path = Path(path)
    try:
        content = read_mapping(path)
    except FileNotFoundError as error:
        raise StudyError(f"{path}: there is no such study") from error
    try:
        return _study_of(content)
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


def _study_of(content: dict[str, Any]) -> Study:
    _refuse_unknown(content, {f.name for f in fields(Study)} - {"entries"} | {"runs"})
    missing = {"dataset", "runs"} - set(content)
    if missing:
        raise StudyError(f"{' and '.join(sorted(missing))} missing")
    runs = content.pop("runs")
    if isinstance(runs, list):
        runs = dict.fromkeys(map(str, runs))
    entries = []
    if not isinstance(runs, dict) or not runs:
        raise StudyError("runs: expected names of models, or labels with what is said of them")
    for label, given in runs.items():
        given = {} if given is None else given
        if not isinstance(given, dict):
            raise StudyError(f"{label}: expected `key: value` (`model: STAR`), got {given!r}")
        _refuse_unknown(given, {f.name for f in fields(Entry)} - {"label"})
        entry = Entry(**{"label": str(label), "model": str(label), **given})
        if not isinstance(entry.model, str):
            raise StudyError(f"{label}: model: {entry.model!r} is no name of a model")
        entries.append(entry)
    for key in ("settings", "space"):
        if content.get(key, ...) is None:
            del content[key]
    return Study(
        **{**content, "seeds": seeds_of(content.get("seeds", 1)), "entries": tuple(entries)}
    )


def seeds_of(seeds: int | list[int]) -> tuple[int, ...]:
    """``5`` means five seeds from RecBole's default on; a list means itself."""
    if type(seeds) is int:
        seeds = list(range(FIRST_SEED, FIRST_SEED + seeds))
    if not seeds or not isinstance(seeds, list) or any(type(seed) is not int for seed in seeds):
        raise StudyError(f"seeds: {seeds!r} is neither a number of seeds nor a list of them")
    if len(set(seeds)) < len(seeds):
        raise StudyError(f"seeds: {seeds}: a seed that is there twice is not two runs")
    return tuple(seeds)


def valid_metric(settings: Mapping[str, Any]) -> str:
    """Key of the metric that runs with these settings are judged by."""
    return metric_key(str(settings.get("valid_metric", "auc")))


def check_settings(given: Mapping[str, Any], model: str | None = None) -> None:
    """Refuse settings that a run would not read, or that the benchmark makes itself.

    Raises:
        StudyError: There is such a key; the message says what to do.
    """
    if not isinstance(given, Mapping):
        raise StudyError(f"settings: expected `key: value`, got {given!r}")
    for key in given:
        if key in _OWN_KEYS:
            raise StudyError(f"{key!r} is not set here: {_OWN_KEYS[key]}")
    if given.get("allow_unknown_keys"):
        return
    _refuse_unknown(given, known_keys())
    for key in unknown_keys(given, keys_of(model)) if model else ():
        raise StudyError(f"{key!r} is no option of {model}")


def _check_space(space: Mapping[str, list], model: str | None = None) -> None:
    if not isinstance(space, Mapping):
        raise StudyError(f"space: expected lists of values by key, got {space!r}")
    check_settings(space, model)
    for key, values in space.items():
        if not isinstance(values, list | tuple) or not values:
            raise StudyError(f"space: {key}: expected a list of values, got {values!r}")


def with_baseline(study: Study, baseline: str) -> Study:
    """The same study, every other entry compared with ``baseline``."""
    entries = tuple(
        replace(entry, baseline=None if entry.label == baseline else baseline)
        for entry in study.entries
    )
    return replace(study, entries=entries)


def _refuse_unknown(given: Iterable[str], known: set[str] | frozenset[str]) -> None:
    for key, near in unknown_keys(given, known).items():
        raise StudyError(f"unknown key {key!r}" + (f": did you mean {near}?" if near else ""))
