"""Convert labels and ratings to 0 and 1."""

from __future__ import annotations

import polars as pl

from dataset_converters.errors import ConverterError
from dataset_converters.writing import Report

DEFAULT_THRESHOLD = 4.0
RATING = "_rating"  # the rating as a number

_WORDS = {
    **dict.fromkeys(("1", "1.0", "true", "t", "yes", "y"), 1),
    **dict.fromkeys(("0", "0.0", "false", "f", "no", "n"), 0),
}
LABEL_FAULT = (
    "is not a label (0 and 1, true and false, or yes and no). If the column is a rating, give it "
    "as --rating, with --threshold=LOWEST_POSITIVE"
)
RATING_FAULT = "is not a rating (a number)"


def to_label(values: pl.Series) -> pl.Series:
    """Convert the text of labels to 0 and 1; null where it is not a label."""
    text = values.str.strip_chars().str.to_lowercase()
    return text.replace_strict(_WORDS, default=None, return_dtype=pl.UInt8)


def to_rating(values: pl.Series) -> pl.Series:
    """Convert the text of ratings to numbers; null where it is not a number."""
    number = values.str.strip_chars().cast(pl.Float64, strict=False)
    return number.set(~number.is_finite().fill_null(value=False), None)


def check_both_labels(inter: pl.DataFrame, report: Report, threshold: float | None) -> None:
    """Check that there are positives and negatives; note scenarios that have one kind only.

    Args:
        inter: Rows with ``scenario`` and ``label``, and ``_rating`` if ``threshold`` is given.
        report: Gets the note.
        threshold: Lowest positive rating; None if the label is a column of the log.

    Raises:
        ConverterError: All labels are equal.
    """
    rate = float(inter["label"].mean())  # type: ignore[arg-type]
    if rate in (0.0, 1.0):
        all_rows = f"all {inter.height:,} rows"
        if threshold is not None:
            low, high = inter[RATING].min(), inter[RATING].max()
            which = "below" if rate == 0 else "at or above"
            raise ConverterError(
                f"the ratings of {all_rows}, {low:g} to {high:g}, are {which} the threshold "
                f"{threshold:g}; give another --threshold"
                + ("" if rate == 0 else ", or --implicit, so that negatives are sampled")
            )
        if rate == 1:
            raise ConverterError(
                f"the label of {all_rows} is 1, so there is nothing to tell apart; give --implicit "
                "in place of --label, so that negatives are sampled"
            )
        raise ConverterError(
            f"the label of {all_rows} is 0: no row is positive. Name another column with --label"
        )
    rates = inter.group_by("scenario").agg(pl.col("label").mean())
    single = rates.filter(pl.col("label").is_in([0.0, 1.0]))["scenario"].sort().to_list()
    if single:
        report.notes.append(
            f"{len(single):,} of {rates.height:,} scenarios have rows of one label only, so there "
            f"is no AUC of them ({', '.join(map(str, single[:5]))}{', ...' * (len(single) > 5)})"
        )
