"""What both data sets can be cut down by: k-core, sampled users, a range of time."""

from __future__ import annotations

from datetime import datetime, timezone, tzinfo

import numpy as np
import polars as pl

from dataset_converters.errors import ConverterError


def k_core(inter: pl.DataFrame, k: int) -> pl.DataFrame:
    """Keep users and items with at least ``k`` rows each, over all scenarios together.

    Removing an item may leave a user with too few rows, so both are repeated until
    nothing changes.

    Args:
        inter: Rows with ``user_id`` and ``item_id``.
        k: Fewest rows of a user and of an item; 1 or less keeps everything.
    """
    if k <= 1 or inter.is_empty():
        return inter
    user = inter["user_id"].rank("dense").to_numpy().astype(np.int32) - 1
    item = inter["item_id"].rank("dense").to_numpy().astype(np.int32) - 1
    users, items = int(user.max()) + 1, int(item.max()) + 1
    rows = np.arange(inter.height)
    while True:
        enough = (np.bincount(user, minlength=users) >= k)[user]
        enough &= (np.bincount(item, minlength=items) >= k)[item]
        if enough.all():
            return inter[rows] if len(rows) < inter.height else inter
        user, item, rows = user[enough], item[enough], rows[enough]
        if not len(rows):
            return inter.clear()


def sample_users(inter: pl.DataFrame, number: int, seed: int) -> pl.DataFrame:
    """Keep all rows of ``number`` users drawn uniformly; the same seed draws the same users."""
    users = inter["user_id"].unique().sort()
    if number >= len(users):
        return inter
    drawn = users.sample(number, seed=seed)
    return inter.filter(pl.col("user_id").is_in(drawn.implode()))


def parse_time(text: str, option: str, zone: tzinfo = timezone.utc) -> float:
    """Read a moment given on the command line.

    Args:
        text: Unix seconds, or an ISO date or date and time.
        option: Name of the option, for the message.
        zone: Time zone of a moment that names none.

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
            f"{option}={text}: give unix seconds or a moment such as 2023-05-25T08:00"
        ) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()
