"""Show progress bars with rows/s and ETA while a conversion runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class _RowRateColumn(ProgressColumn):
    """Rows so far and rows per second."""

    def render(self, task: Task) -> Text:
        rows, elapsed = task.fields.get("rows", 0), task.elapsed or 0.0
        rate = f"{rows / elapsed:,.0f}" if elapsed > 0 and rows else "-"
        return Text(f"{rows:,} rows, {rate} rows/s", style="cyan")


class Meter:
    """One progress bar; ``total`` is in bytes or in rows."""

    def __init__(self, progress: Progress, title: str, total: int | None) -> None:
        self._progress = progress
        self._task = progress.add_task(title, total=total, rows=0)
        self._rows = 0

    def update(self, position: int, rows: int = 0) -> None:
        """Set the position (absolute, in the unit of ``total``) and count ``rows`` more rows."""
        self._rows += rows
        self._progress.update(self._task, completed=position, rows=self._rows)

    def finish(self) -> None:
        """Show the bar as complete."""
        task = self._progress.tasks[self._task]
        self._progress.update(self._task, total=task.completed or 1, completed=task.completed or 1)


class Reporter:
    """Shows the progress bars of one job on a console (default: stderr); none if ``quiet``."""

    def __init__(self, *, quiet: bool = False, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self.quiet = quiet
        self._progress: Progress | None = None

    @contextmanager
    def running(self) -> Iterator[Reporter]:
        """Show bars until the job ends."""
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=12),
            _RowRateColumn(),
            TextColumn("ETA"),
            TimeRemainingColumn(),
            console=self.console,
            disable=self.quiet,
        ) as self._progress:
            yield self
        self._progress = None

    @contextmanager
    def meter(self, title: str, total: int | None) -> Iterator[Meter]:
        """Show a bar for one step of the job."""
        if self._progress is None:
            raise RuntimeError("Reporter.meter must be used inside Reporter.running")
        meter = Meter(self._progress, title, total)
        yield meter
        meter.finish()
