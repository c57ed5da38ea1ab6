"""Studies: the models that are compared, with their settings, seeds and tuning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from logging import getLogger
from typing import Any

from recbole_llm4msr.config.known_keys import unknown_keys
from recbole_llm4msr.evaluation.benchmark.plan.checks import (
    StudyError,
    check_settings,
    check_space,
    keys_for,
    valid_metric,
)
from recbole_llm4msr.model import get_model

#: First seed where a study gives only a number of seeds; RecBole's default seed.
FIRST_SEED = 2020


@dataclass(frozen=True)
class Entry:
    """One row of the table: a model with settings, trained once per seed.

    Attributes:
        label: Name of the row.
        model: Name of the model, ours or RecBole's.
        settings: Settings in addition to those of the study.
        baseline: Label of the entry that it is compared with, if any.
        tuned_as: Label of the entry whose tuned settings it uses instead of its own tuning.
        space: Search space of this entry; empty for that of the study.
    """

    label: str
    model: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    baseline: str | None = None
    tuned_as: str | None = None
    space: Mapping[str, list] = field(default_factory=dict)

    @contextmanager
    def named_in_errors(self) -> Iterator[None]:
        """Put the label before the errors of this block.

        Raises:
            StudyError: There was one, or the model's library is not installed.
        """
        try:
            yield
        except (ValueError, ImportError) as error:
            raise StudyError(f"{self.label}: {error}") from error


@dataclass(frozen=True)
class Study:
    """A comparison of models on one data set.

    Attributes:
        dataset: Name of the data set.
        entries: Rows of the table.
        seeds: Seeds; every entry is trained with each.
        settings: Settings of all entries.
        tune: Trials of tuning per entry; 0 trains without tuning.
        space: Search space of tuning: values by key. An entry searches the keys its model has.

    Raises:
        StudyError: A label, setting or search space is not valid.
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
            raise StudyError(f"tune: {self.tune!r} is not a number of trials")
        if self.tune and not self.space:
            raise StudyError("tune: nothing to search; give `space`, values by key")
        for entry in self.entries:
            with entry.named_in_errors():
                get_model(entry.model)
        models = [entry.model for entry in self.entries]
        check_settings(self.settings, models=models)
        check_space(self.space, models=models)
        for entry in self.entries:
            with entry.named_in_errors():
                check_settings(entry.settings, entry.model)
                check_space(entry.space, entry.model)
        self._report_unread_settings()

    def _report_unread_settings(self) -> None:
        """Refuse settings of all runs that no model has; name the models that lack one.

        Raises:
            StudyError: No model of the study has a setting.
        """
        if self.settings.get("allow_unknown_keys"):
            return
        for key in self.settings:
            lack = [e.label for e in self.entries if unknown_keys([key], keys_for(e.model))]
            if len(lack) == len(self.entries):
                raise StudyError(f"{key!r} is not an option of {' or '.join(lack)}")
            if lack:
                getLogger().warning("%s is not an option of %s", key, ", ".join(lack))

    @property
    def valid_metric(self) -> str:
        """Key of the metric by which trials are judged."""
        return valid_metric(self.settings)

    def entry(self, label: str) -> Entry:
        """Return the entry with this label."""
        return next(entry for entry in self.entries if entry.label == label)

    def space_of(self, entry: Entry) -> Mapping[str, list]:
        """Return the search space of an entry, without keys that its model does not read."""
        unread = unknown_keys(self.space, keys_for(entry.model))
        return entry.space or {
            key: values for key, values in self.space.items() if key not in unread
        }


def from_models(models: list[str], **study: Any) -> Study:
    """Make a study of models by name; ``LLM4MSR_X`` is compared with ``X`` if both are named."""
    entries = tuple(
        Entry(model, model, baseline=plain if plain != model and plain in models else None)
        for model in models
        for plain in [model.removeprefix("LLM4MSR_")]
    )
    return Study(entries=entries, **study)


def with_baseline(study: Study, baseline: str) -> Study:
    """Return the same study with every other entry compared with ``baseline``."""
    entries = tuple(
        replace(entry, baseline=None if entry.label == baseline else baseline)
        for entry in study.entries
    )
    return replace(study, entries=entries)
