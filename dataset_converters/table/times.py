"""Convert times to unix seconds: numbers whose unit is found from their size, dates, moments."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from dataset_converters.errors import ConverterError

#: Units of a second, and the size of today's times in that unit: 1973 to 5138.
_UNITS = {
    "milliseconds": (10**3, 1e11),
    "microseconds": (10**6, 1e14),
    "nanoseconds": (10**9, 1e17),
}
_TODAY = 1e8  # unix seconds below this (1973) are numbers of another kind, such as positions
_DATE = (
    r"^(\d{4})[-/](\d{1,2})[-/](\d{1,2})"
    r"(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?"
    r"\s*(?i:(Z|UTC|GMT)|([+-]\d{2}):?(\d{2})?)?$"
)
_DAY = r"^(19|20)\d{2}(0[1-9]|1[0-2])([0-2]\d|3[01])$"


@dataclass(frozen=True)
class TimeUnit:
    """How the times of a column are written.

    Attributes:
        name: ``seconds``, ``milliseconds``, ``microseconds``, ``nanoseconds``, ``numbers`` (kept
            as they are), ``dates``, ``days`` (20230525) or ``moments`` (of a parquet file).
        zone: Zone of dates without one.
    """

    name: str
    zone: ZoneInfo

    @property
    def shown(self) -> str:
        """Description for the user."""
        if self.name in ("dates", "days", "moments"):
            return f"{self.name} ({self.zone.key} where they have no zone)"
        if self.name == "numbers":
            return "numbers, not unix times; kept as they are"
        return f"unix {self.name}"

    @property
    def reason(self) -> str:
        """Why a value cannot be converted, as a clause that follows it."""
        if self.name in _UNITS or self.name in ("seconds", "numbers"):
            unit = "in unix " + self.name if self.name != "numbers" else "numbers below 1e8"
            return f"is not a time of the unit of the first rows ({unit})"
        if self.name == "days":
            return "is not a date such as 20230525, as those of the first rows"
        return "is not a date and time such as 2023-05-25 08:00:00, as those of the first rows"

    def seconds(self, values: pl.Series) -> pl.Series:
        """Convert times to unix seconds.

        Args:
            values: Times as text, or as moments.

        Returns:
            The doubles nearest to the times, null where a value is not of this unit.
        """
        if isinstance(values.dtype, pl.Datetime):
            return _moments(values, self.zone) if self.name == "moments" else _all_null(values)
        if self.name == "moments":
            return _all_null(values)
        text = values.str.strip_chars()
        if self.name == "dates":
            return _dates(text, self.zone)
        if self.name == "days":
            day = text.str.to_date("%Y%m%d", strict=False)
            return _moments(day.cast(pl.Datetime("us")), self.zone)
        return self._numbers(text)

    def _numbers(self, text: pl.Series) -> pl.Series:
        whole = text.cast(pl.Int64, strict=False)
        number = text.cast(pl.Float64, strict=False)
        per_second, smallest = _UNITS.get(self.name, (1, 0.0))
        largest = _TODAY if self.name == "numbers" else (smallest or _TODAY) * 1e3
        is_valid = number.is_finite() & (number >= smallest) & (number < largest)
        if per_second > 1 and whole.null_count() == text.null_count():
            seconds = _divide(whole.fill_null(0).to_numpy(), per_second)
        else:
            seconds = number.fill_null(0).to_numpy() / per_second
        return pl.Series(seconds, dtype=pl.Float64).set(~is_valid.fill_null(value=False), None)


def find_unit(sample: pl.Series, zone: ZoneInfo, place: str) -> TimeUnit:
    """Find how times are written from a sample.

    Args:
        sample: First values of the column.
        zone: Zone of dates without one.
        place: File and column, for the message.

    Raises:
        ConverterError: Most values are neither numbers nor dates in an order that is certain.
    """
    if isinstance(sample.dtype, pl.Datetime):
        return TimeUnit("moments", zone)
    text = sample.drop_nulls().str.strip_chars()
    text = text.filter(text != "")
    if not len(text):
        raise ConverterError(f"{place}: all of the first rows are empty; give --time=none")
    numbers = text.cast(pl.Float64, strict=False).drop_nulls()
    if len(numbers) * 2 >= len(text):
        size = abs(float(np.median(numbers.to_numpy())))
        if text.str.contains(_DAY).mean() > 0.5:  # type: ignore[operator]
            return TimeUnit("days", zone)
        if size < _TODAY:
            return TimeUnit("numbers", zone)
        fitting = [name for name, (_, smallest) in _UNITS.items() if size >= smallest]
        return TimeUnit(fitting[-1] if fitting else "seconds", zone)
    unit = TimeUnit("dates", zone)
    converted = unit.seconds(text)
    if converted.null_count() * 2 >= len(text):
        value = text.filter(converted.is_null())[0]
        raise ConverterError(
            f"{place}: {value!r} is neither a number nor a date such as 2023-05-25 or "
            "2023-05-25T08:00:00+02:00; write the dates so, or give --time=none"
        )
    return unit


def _dates(text: pl.Series, zone: ZoneInfo) -> pl.Series:
    """Convert ISO dates and date-times to unix seconds; null where a value is none."""
    parts = text.str.extract_groups(_DATE).struct.unnest()
    names = ("y", "m", "d", "hour", "minute", "second", "fraction", "utc", "east", "east_minute")
    parts.columns = list(names)
    day = pl.concat_str([pl.col("y"), pl.col("m"), pl.col("d")], separator="-")
    number = {name: pl.col(name).cast(pl.Int64).fill_null(0) for name in names[3:6]}
    sign = pl.when(pl.col("east").str.starts_with("-")).then(-1).otherwise(1)
    offset = pl.col("east").cast(pl.Int64) * 3600
    offset += sign * pl.col("east_minute").cast(pl.Int64).fill_null(0) * 60
    offset = pl.when(pl.col("utc").is_not_null()).then(0).otherwise(offset)
    is_valid = (number["hour"] < 24) & (number["minute"] < 60) & (number["second"] < 60)
    clock = number["hour"] * 3600 + number["minute"] * 60 + number["second"]
    fields = parts.select(
        local=pl.when(is_valid).then(
            day.str.to_date("%Y-%m-%d", strict=False).cast(pl.Int64) * 86_400 + clock
        ),
        offset=offset,
        billionths=pl.col("fraction").str.pad_end(9, "0").cast(pl.Int64).fill_null(0),
    )
    seconds = fields["local"] - fields["offset"]
    is_naive = fields["offset"].is_null()
    if is_naive.any():
        naive = pl.from_epoch(fields["local"], "s").dt.replace_time_zone(
            zone.key, ambiguous="earliest", non_existent="null"
        )
        seconds = seconds.fill_null(naive.dt.epoch("s"))
    return seconds.cast(pl.Float64) + pl.Series(fields["billionths"].to_numpy() / 1e9)


def _moments(values: pl.Series, zone: ZoneInfo) -> pl.Series:
    """Convert datetimes to unix seconds."""
    unit = values.dtype.time_unit  # type: ignore[attr-defined]
    if values.dtype.time_zone is None:  # type: ignore[attr-defined]
        values = values.dt.replace_time_zone(
            zone.key, ambiguous="earliest", non_existent="null"
        ).dt.convert_time_zone("UTC")
    name = {"ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}[unit]
    count = values.dt.epoch(unit)
    seconds = _divide(count.fill_null(0).to_numpy(), _UNITS[name][0])
    return pl.Series(seconds, dtype=pl.Float64).set(count.is_null(), None)


def _divide(count: np.ndarray, per_second: int) -> np.ndarray:
    """Return the seconds of a count of units, (n,) int64, as the nearest doubles."""
    if per_second < 10**9:
        return count / per_second
    # A count of nanoseconds has more digits than a double.
    return count // per_second + count % per_second / per_second


def _all_null(values: pl.Series) -> pl.Series:
    return pl.Series([None] * len(values), dtype=pl.Float64)
