"""Counts of rows dropped and cells filled on the way from the files to the tensors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from recbole.data.dataset import Dataset

#: Share of the rows that the filter by side files may drop unless its setting was written.
MOST_DROPPED = 0.01


@dataclass
class RowChanges:
    """Changes that reading a data set has made, in order.

    Attributes:
        entries: Pairs of a sentence's subject (a setting and what it does) and a count.
    """

    entries: list[tuple[str, int]] = field(default_factory=list)

    @contextmanager
    def dropped(self, dataset: Dataset, reason: str) -> Iterator[None]:
        """Count the interactions that the block drops."""
        before = len(dataset.inter_feat)
        yield
        self.add(f"rows dropped by {reason}", before - len(dataset.inter_feat))

    def add(self, what: str, count: int) -> None:
        """Note a change that concerns ``count`` rows or cells; none where it is 0.

        Counts of the same change are added up: a split given as files is read in three parts.
        """
        if count:
            before = dict(self.entries).get(what, 0)
            self.entries = [entry for entry in self.entries if entry[0] != what]
            self.entries.append((what, before + int(count)))

    def table(self) -> str:
        """A line per change, the counts in a column; empty where nothing has changed."""
        width = max((len(f"{count:,}") for _, count in self.entries), default=0)
        return "\n".join(f"  {count:>{width},}  {what}" for what, count in self.entries)


def check_side_filter(dataset: Dataset, before: int, example: str) -> None:
    """Refuse to lose many interactions to ids that a side file lacks.

    RecBole drops them by default (``filter_inter_by_user_or_item``).

    Args:
        dataset: The data set after the filter.
        before: Number of interactions before it.
        example: An id without a row, and its field.

    Raises:
        ValueError: More than 1 % are lost and the setting was not written by the user.
    """
    lost = before - len(dataset.inter_feat)
    if not lost:
        return
    message = _without_side_row(dataset, lost, before, example)
    place_of = getattr(dataset.config, "place_of", lambda key: "config")
    if lost > MOST_DROPPED * before and not place_of("filter_inter_by_user_or_item"):
        raise ValueError(
            f"filter_inter_by_user_or_item: {message}. Add the rows, or set the key: False keeps "
            "the interactions (their features are empty), True drops them."
        )
    dataset.logger.warning("filter_inter_by_user_or_item: %s; they are dropped", message)


def note_kept_without_side_row(dataset: Dataset, kept: int, example: str) -> None:
    """Note interactions that are kept though a side file has no row of their user or item.

    Args:
        dataset: The data set.
        kept: Number of these interactions.
        example: An id without a row, and its field.
    """
    what = "rows kept without features: a side file has no row of their user or item"
    if not kept or any(entry[0] == what for entry in dataset.row_changes.entries):
        return
    dataset.row_changes.add(what, kept)
    if dataset.benchmark_filename_list:  # otherwise the user has asked for it
        message = _without_side_row(dataset, kept, len(dataset.inter_feat), example)
        dataset.logger.warning(
            "%s; RecBole does not filter the parts of benchmark_filename, so they are kept, and "
            "their features are empty",
            message,
        )


def _without_side_row(dataset: Dataset, rows: int, of: int, example: str) -> str:
    sides = " or ".join(
        f"{dataset.dataset_name}.{suffix}"
        for suffix, feat in (("user", dataset.user_feat), ("item", dataset.item_feat))
        if feat is not None
    )
    return (
        f"{rows:,} of {of:,} interactions are of a user or item without a row in {sides}, "
        f"for example {example}"
    )


def count_filled(dataset: Dataset, name: str, field: str) -> None:
    """Count the empty cells of a number's column, which are filled.

    Args:
        dataset: The data set, before it fills them.
        name: Table of the column: ``inter_feat``, ``user_feat``, ``item_feat``.
        field: The column.
    """
    column = getattr(dataset, name)[field]
    # Ids 0 of users and items are padding, whose row is empty in every side file.
    rows = column if name == "inter_feat" else column.iloc[1:]
    dataset.row_changes.add(
        f"empty cells of {field} filled with the mean of the others", rows.isna().sum()
    )
