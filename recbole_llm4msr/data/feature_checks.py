"""Check the values of the features that a model reads."""

from __future__ import annotations

from collections import defaultdict

from recbole.data.dataset import Dataset
from recbole.utils import FeatureType

#: Unscaled numbers above this make the first steps of training diverge.
LARGE = 100


def check_numerical_features(dataset: Dataset) -> None:
    """Check the fields of ``numerical_features`` before they are discretised.

    Args:
        dataset: A data set whose missing cells have been filled.

    Raises:
        ValueError: A field is not of type float, or all of its cells are empty.
    """
    for field in dataset.config["numerical_features"] or ():
        kind = dataset.field2type.get(field)
        if kind in (FeatureType.TOKEN, FeatureType.TOKEN_SEQ):
            raise ValueError(
                f"numerical_features: {field} is of type {kind.value}, and is embedded as a word "
                f"without being named there; leave it out, or write {field}:float in the first "
                "line of its file"
            )
        if kind is not FeatureType.FLOAT:
            continue
        for feat in dataset.field2feats(field):
            if len(feat) and feat[field].isna().all():
                raise ValueError(
                    f"numerical_features: all cells of {field} are empty; leave it out of "
                    "numerical_features and load_col"
                )


def warn_of_large_values(train: Dataset) -> None:
    """Warn of numerical features whose unscaled values are so large that training diverges.

    Args:
        train: The training split, whose features are tensors.
    """
    discretised = train.config["discretization"] or ()
    for field in train.config["numerical_features"] or ():
        if train.field2type.get(field) is not FeatureType.FLOAT or field in discretised:
            continue
        for feat in train.field2feats(field):
            largest = float(feat[field][:, 0].abs().max())  # column 1 holds ones
            if largest > LARGE:
                train.logger.warning(
                    "numerical_features: %s has values up to %g, which training may not stand; "
                    "scale it (normalize_field: [%s])",
                    field,
                    largest,
                    field,
                )


def warn_of_blanks(dataset: Dataset) -> None:
    """Warn of scenarios whose tokens differ in blanks alone."""
    same: dict[str, list[str]] = defaultdict(list)
    for token in getattr(dataset, "scenario_tokens", []):
        same[token.strip()].append(token)
    alike = [tokens for tokens in same.values() if len(tokens) > 1]
    if alike:
        dataset.logger.warning(
            "SCENARIO_FIELD: these scenarios differ in blanks alone, and are trained apart: %s; "
            "remove the blanks in the file",
            "; ".join(" and ".join(map(repr, tokens)) for tokens in alike[:5]),
        )
