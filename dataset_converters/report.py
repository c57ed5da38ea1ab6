"""What a conversion tells: a progress bar while it runs, one table when it is done."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import polars as pl
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text


class _RowRate(ProgressColumn):
    """Rows so far and rows per second."""

    def render(self, task: Task) -> Text:
        rows, elapsed = task.fields.get("rows", 0), task.elapsed or 0.0
        rate = f"{rows / elapsed:,.0f}" if elapsed > 0 and rows else "-"
        return Text(f"{rows:,} rows, {rate} rows/s", style="cyan")


class Meter:
    """One line of the progress bar; ``total`` is in bytes or rows, whatever sizes the work."""

    def __init__(self, progress: Progress, title: str, total: int | None) -> None:
        self._progress = progress
        self._task = progress.add_task(title, total=total, rows=0)
        self._rows = 0

    def update(self, position: int, rows: int = 0) -> None:
        """Move to ``position`` (absolute, in the unit of the total) after ``rows`` more rows."""
        self._rows += rows
        self._progress.update(self._task, completed=position, rows=self._rows)

    def finish(self) -> None:
        """Show the line as complete."""
        task = self._progress.tasks[self._task]
        self._progress.update(self._task, total=task.completed or 1, completed=task.completed or 1)


class Reporter:
    """Progress bars with rows/s and ETA on a console; silent when ``quiet``."""

    def __init__(self, *, quiet: bool = False, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self.quiet = quiet
        self._progress: Progress | None = None

    @contextmanager
    def running(self) -> Iterator[Reporter]:
        """Keep the bars of one job together."""
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=12),
            _RowRate(),
            TextColumn("ETA"),
            TimeRemainingColumn(),
            console=self.console,
            disable=self.quiet,
        ) as self._progress:
            yield self
        self._progress = None

    @contextmanager
    def meter(self, title: str, total: int | None) -> Iterator[Meter]:
        """One step of the job."""
        if self._progress is None:
            raise RuntimeError("Reporter.meter is used inside Reporter.running")
        meter = Meter(self._progress, title, total)
        yield meter
        meter.finish()


@dataclass
class Report:
    """The counts of one conversion.

    Attributes:
        name: Name of the data set.
        source: What the files were recognised as.
        scenarios: A row per scenario and one for all together: ``scenario``, ``rows``,
            ``users``, ``items``, ``positives``.
        shared_users: Users with rows in two scenarios or more.
        dropped: Rows left out, by reason.
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
        """Fill the counts from ``user_id``, ``item_id``, ``scenario``, ``label`` columns."""
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

    def finish(self) -> Report:
        """Stop the clock."""
        self.seconds = time.perf_counter() - self.started
        return self

    def show(self, console: Console) -> None:
        """Print the table that ends a conversion."""
        table = Table(title=f"{self.name}: {self.source}", title_justify="left")
        table.add_column("scenario")
        for head in ("rows", "users", "items", "positives", "positive rate"):
            table.add_column(head, justify="right")
        for row in self.scenarios:
            if row["scenario"] == "all":
                table.add_section()
            rows, positives = int(row["rows"]), int(row["positives"])  # type: ignore[call-overload]
            table.add_row(
                str(row["scenario"]),
                f"{rows:,}",
                f"{row['users']:,}",
                f"{row['items']:,}",
                f"{positives:,}",
                f"{positives / max(rows, 1):.4f}",
            )
        console.print(table)
        below = Table(box=None, show_header=False)
        below.add_column(justify="right")
        below.add_column()
        below.add_row(f"{self.shared_users:,}", "users shared between scenarios")
        for reason, rows in self.dropped.items():
            below.add_row(f"{rows:,}", f"rows dropped: {reason}")
        console.print(below)
        for note in self.notes:
            console.print(f"  {note}", highlight=False)
        console.print(f"  {self.seconds:.1f} s", highlight=False)
