"""Derive scenarios from another field (``scenario_from``), and read their names."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from recbole_llm4msr.data.atomic import read_atomic

_KEYS = {"field", "bins", "mapping", "labels", "names", "descriptions"}


class ScenarioError(ValueError):
    """A scenario field that is missing, empty, or cannot be derived by ``scenario_from``."""


@dataclass(frozen=True)
class ScenarioNames:
    """Names and descriptions of scenarios: raw token to name, raw token to a sentence."""

    names: dict[str, str]
    descriptions: dict[str, str]

    @classmethod
    def read(
        cls, path: Path, field: str, separator: str, encoding: str | None = None
    ) -> ScenarioNames:
        """Read the ``<name>.scenario`` file; without a file there are no names.

        Raises:
            ScenarioError: The file lacks the column of the scenario's token.
        """
        if not path.is_file():
            return cls({}, {})
        frame = read_atomic(path, separator=separator, encoding=encoding)
        if field not in frame.columns:
            raise ScenarioError(f"{path}: there is no column {field} (the SCENARIO_FIELD)")
        columns = [
            dict(zip(frame[field], frame[column], strict=True)) if column in frame.columns else {}
            for column in ("scenario_name", "scenario_description")
        ]
        return cls(*({k: v for k, v in column.items() if v} for column in columns))

    @classmethod
    def from_rule(cls, rule: dict[str, Any]) -> ScenarioNames:
        """Take names and descriptions from a ``scenario_from`` rule, in the order of its labels."""
        labels = _labels(rule)
        return cls(
            dict(zip(labels, rule.get("names") or labels, strict=True)),
            dict(zip(labels, rule.get("descriptions") or [], strict=False)),
        )


def _labels(rule: dict[str, Any]) -> list[str]:
    """Raw tokens of the scenarios a rule makes."""
    if "mapping" in rule:
        return [str(label) for label in dict.fromkeys(rule["mapping"].values())]
    bins = rule["bins"]
    if "labels" in rule:
        return [str(label) for label in rule["labels"]]
    middle = [f"{low}-{high}" for low, high in pairwise(bins)]
    return [f"..{bins[0]}", *middle, f"{bins[-1]}.."]


def check_rule(rule: dict[str, Any]) -> None:
    """Check that a ``scenario_from`` rule is complete.

    Raises:
        ScenarioError: A key is unknown or missing, or the numbers of bins and labels disagree.
    """
    if not isinstance(rule, dict):
        raise ScenarioError(
            f"scenario_from: {rule!r} is not a mapping; write {{field: age, bins: [24, 35]}} or "
            "{field: gender, mapping: {F: women, M: men}}"
        )
    unknown = set(rule) - _KEYS
    if unknown:
        raise ScenarioError(f"scenario_from: unknown key {sorted(unknown)}; known: {sorted(_KEYS)}")
    if "field" not in rule or ("bins" in rule) == ("mapping" in rule):
        raise ScenarioError("scenario_from: give `field` and either `bins` or `mapping`")
    if "bins" in rule:
        bins = rule["bins"]
        if not isinstance(bins, list | tuple) or not all(isinstance(b, int | float) for b in bins):
            raise ScenarioError(f"scenario_from: bins must be a list of numbers, not {bins!r}")
        if not bins or sorted(set(bins)) != list(bins):
            raise ScenarioError(f"scenario_from: bins must increase, got {bins}")
        if "labels" in rule and len(rule["labels"]) != len(bins) + 1:
            raise ScenarioError(
                f"scenario_from: {len(bins)} bins make {len(bins) + 1} scenarios, "
                f"but there are {len(rule['labels'])} labels"
            )
    if "names" in rule and len(rule["names"]) != len(_labels(rule)):
        raise ScenarioError(f"scenario_from: a name for each of {_labels(rule)} is needed")


def derive(values: pd.Series, rule: dict[str, Any]) -> pd.Series:
    """Raw scenario tokens from the values of another field.

    ``bins: [24, 35]`` makes three scenarios, up to and including 24, up to and including 35, and
    above; ``mapping: {F: women, M: men}`` names the scenario of every value.

    Args:
        values: Raw values of ``rule["field"]``, one a row.
        rule: The checked ``scenario_from`` setting.

    Raises:
        ScenarioError: A value is missing, not a number (bins), or not in the mapping.
    """
    field = rule["field"]
    if "mapping" in rule:
        scenario = values.map({str(k): str(v) for k, v in rule["mapping"].items()})
        unmapped = values[scenario.isna()].unique()[:5]
        if len(unmapped):
            raise ScenarioError(
                f"scenario_from: the mapping of {field} has no entry for {list(unmapped)}"
            )
        return scenario
    numbers = pd.to_numeric(values, errors="coerce")
    unmapped = values[numbers.isna()].unique()[:5]
    if len(unmapped):
        raise ScenarioError(f"scenario_from: bins need numbers, {field} holds {list(unmapped)}")
    edges = [-float("inf"), *rule["bins"], float("inf")]
    return pd.cut(numbers, edges, labels=_labels(rule)).astype(str).astype(object)
