"""Parse moments of the command line; a range of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone, tzinfo

from dataset_converters.errors import ConverterError


@dataclass(frozen=True)
class TimeRange:
    """Unix seconds ``since <= t < until``."""

    since: float
    until: float


def parse_time(text: str, option: str, zone: tzinfo = timezone.utc) -> float:
    """Parse a moment given on the command line.

    Args:
        text: Unix seconds, or an ISO date or date and time.
        option: Name of the option, for the message.
        zone: Time zone of a moment without one.

    Returns:
        Unix seconds.

    Raises:
        ConverterError: ``text`` is neither.
    """
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConverterError(
            f"{option}={text}: must be unix seconds or a date and time such as 2023-05-25T08:00"
        ) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()
