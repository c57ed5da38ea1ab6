"""Units of time: found from the size of the numbers, converted to the nearest double."""

from __future__ import annotations

from datetime import datetime, timezone
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from dataset_converters.errors import ConverterError
from dataset_converters.table.times import TimeUnit, find_unit

UTC, BERLIN = ZoneInfo("UTC"), ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("unit", "per_second"),
    [("seconds", 1), ("milliseconds", 10**3), ("microseconds", 10**6), ("nanoseconds", 10**9)],
)
def test_numbers_become_the_nearest_double(unit: str, per_second: int) -> None:
    drawn = np.random.default_rng(1).integers(10**9 * per_second, 2 * 10**9 * per_second, 500)
    values = pl.Series([str(value) for value in drawn])
    found = find_unit(values, UTC, "x")
    assert found.name == unit
    expected = [float(Fraction(int(value), per_second)) for value in drawn]
    assert found.seconds(values).to_list() == expected


def test_a_number_of_another_unit_is_null() -> None:
    found = find_unit(pl.Series(["1685001600123", "1685001600124"]), UTC, "x")
    values = pl.Series(["1685001600123", "1685001600", "", None, "nan", "x", "1685001600123.5"])
    expected = [1685001600.123, None, None, None, None, None, 1685001600.1235]
    assert found.seconds(values).to_list() == expected
    assert found.seconds(pl.Series([datetime(2024, 1, 1)])).to_list() == [None]


def test_small_numbers_are_kept() -> None:
    found = find_unit(pl.Series(["1", "2", "30"]), UTC, "x")
    assert found.name == "numbers"
    assert found.seconds(pl.Series(["1", "2.5", "1685001600"])).to_list() == [1.0, 2.5, None]


DATES = {
    "2023-05-25": datetime(2023, 5, 25),
    "2023/5/2 7:05": datetime(2023, 5, 2, 7, 5),
    " 2023-05-25 08:00:00.5 ": datetime(2023, 5, 25, 8, 0, 0, 500_000),
    "2023-05-25T08:00:00Z": datetime.fromisoformat("2023-05-25T08:00:00+00:00"),
    "2023-05-25T08:00:00.123456+02:00": datetime.fromisoformat("2023-05-25T08:00:00.123456+02:00"),
    "2023-05-25 08:00:00-0330": datetime.fromisoformat("2023-05-25T08:00:00-03:30"),
    "2023-02-30": None,
    "2023-05-25 24:00": None,
    "25.05.2023": None,
}


@pytest.mark.parametrize("zone", [UTC, BERLIN])
def test_dates(zone: ZoneInfo) -> None:
    values = pl.Series(list(DATES))
    found = find_unit(values, zone, "x")
    assert found.name == "dates"
    for text, seconds in zip(DATES, found.seconds(values), strict=True):
        moment = DATES[text]
        if moment is not None and moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        assert seconds == (moment.timestamp() if moment else None), text


def test_an_hour_that_the_clock_skips_is_null() -> None:
    assert TimeUnit("dates", BERLIN).seconds(pl.Series(["2024-03-31 02:30"])).to_list() == [None]


def test_days_without_separators() -> None:
    found = find_unit(pl.Series(["20230525", "20230526"]), UTC, "x")
    days = found.seconds(pl.Series(["20230525", "20230231"]))
    assert days.to_list() == [datetime(2023, 5, 25, tzinfo=timezone.utc).timestamp(), None]


def test_moments_of_a_parquet_file() -> None:
    naive = pl.Series([datetime(2023, 5, 25, 8), None], dtype=pl.Datetime("ns"))
    found = find_unit(naive, BERLIN, "x")
    assert found.seconds(naive).to_list() == [1684994400.0, None]
    assert found.seconds(naive.dt.replace_time_zone("UTC")).to_list() == [1685001600.0, None]
    assert found.seconds(pl.Series(["1685001600"])).to_list() == [None]


def test_dates_in_no_certain_order_are_refused() -> None:
    with pytest.raises(ConverterError, match=r"log, column d: '05/06/2023' is neither"):
        find_unit(pl.Series(["05/06/2023", "07/06/2023"]), UTC, "log, column d")
