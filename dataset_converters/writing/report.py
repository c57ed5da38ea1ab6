"""Count the rows of a conversion by scenario, and print the table that ends it."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dataset_converters.writing.dataset_writer import REJECTED

_SHOWN_SCENARIOS = 40  # of a table; those with the most rows


@dataclass
class Report:
    """The counts of one conversion.

    Attributes:
        name: Name of the data set.
        source: Data set and release that the files were recognised as.
        scenarios: A row per scenario and one for all scenarios: ``scenario``, ``rows``,
            ``users``, ``items``, ``positives``.
        shared_users: Users with rows in two scenarios or more.
        dropped: Numbers of rows left out, by reason.
        notes: Further facts, each a sentence.
        seconds: Wall time of the conversion.
    """

    name: str
    source: str = ""
    scenarios: list[dict[str, object]] = field(default_factory=list)
    shared_users: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    started: float = field(default_factory=time.perf_counter, repr=False)

    def count(self, inter: pl.DataFrame) -> None:
        """Count rows, users, items and positives of each scenario.

        Args:
            inter: Rows with ``user_id``, ``item_id``, ``scenario`` and ``label``.
        """
        counts = [
            pl.len().alias("rows"),
            pl.col("user_id").n_unique().alias("users"),
            pl.col("item_id").n_unique().alias("items"),
            pl.col("label").cast(pl.Int64).sum().alias("positives"),
        ]
        each = inter.group_by("scenario").agg(counts).with_columns(pl.col("scenario").cast(str))
        total = inter.select(pl.lit("all").alias("scenario"), *counts)
        self.scenarios = each.sort("scenario").to_dicts() + total.to_dicts()
        per_user = inter.group_by("user_id").agg(pl.col("scenario").n_unique().alias("n"))
        self.shared_users = int((per_user["n"] >= 2).sum())

    def count_dropped(self, reason: str, before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
        """Count the rows that a filter has left out; return those that it has kept."""
        if after.height < before.height:
            self.dropped[reason] += before.height - after.height
        return after

    def finish(self, *, bad_rows: int) -> Report:
        """Set ``seconds``, and count the bad rows that were left out."""
        if bad_rows:
            self.dropped[f"bad rows ({REJECTED})"] = bad_rows
        self.seconds = time.perf_counter() - self.started
        return self

    def show(self, console: Console) -> None:
        """Print the table that ends a conversion."""
        table = Table(title=Text(f"{self.name}: {self.source}"), title_justify="left")
        table.add_column("scenario")
        for head in ("rows", "users", "items", "positives", "positive rate"):
            table.add_column(head, justify="right")
        *scenarios, total = self.scenarios
        shown = sorted(scenarios, key=lambda row: -int(row["rows"]))[:_SHOWN_SCENARIOS]  # type: ignore[call-overload]
        for row in [row for row in scenarios if row in shown]:
            table.add_row(*_cells(row))
        if len(shown) < len(scenarios):
            table.add_row(f"{len(scenarios) - len(shown):,} smaller ones")
        table.add_section()
        table.add_row(*_cells(total))
        console.print(table)
        below = Table(box=None, show_header=False)
        below.add_column(justify="right")
        below.add_column()
        below.add_row(f"{self.shared_users:,}", "users shared between scenarios")
        for reason, rows in self.dropped.items():
            below.add_row(f"{rows:,}", Text(f"rows dropped: {reason}"))
        console.print(below)
        for note in self.notes:
            console.print(f"  {note}", highlight=False, markup=False)
        console.print(f"  {self.seconds:.1f} s", highlight=False)


def _cells(row: dict[str, object]) -> list[Text]:
    """Return the cells of a scenario; its name may look like markup."""
    rows, positives = int(row["rows"]), int(row["positives"])  # type: ignore[call-overload]
    numbers = (rows, row["users"], row["items"], positives)
    rate = f"{positives / max(rows, 1):.4f}"
    return [Text(str(row["scenario"])), *(Text(f"{n:,}") for n in numbers), Text(rate)]
