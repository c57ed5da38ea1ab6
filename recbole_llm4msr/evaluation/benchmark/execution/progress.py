"""Progress of a benchmark: a live table on a terminal, a line per run elsewhere."""

from __future__ import annotations

from collections import defaultdict
from statistics import fmean
from time import perf_counter
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from recbole_llm4msr.evaluation.benchmark.execution.jobs import Job, JobError
from recbole_llm4msr.evaluation.benchmark.execution.records import Run


class Board:
    """Listener of a :class:`~recbole_llm4msr.evaluation.benchmark.execution.Runner`.

    The time left is estimated from the runs made here; recorded runs, which take no time, and runs
    of any length count right. rich.progress estimates from the last 30 seconds alone.

    Args:
        total: Number of runs planned.
        console: Console to print to; ``None`` for the standard output.
    """

    def __init__(self, total: int, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self.total, self.done, self.made, self.failed = total, 0, 0, 0
        self.start = perf_counter()
        self.running: dict[str, list[Job]] = defaultdict(list)
        self.runs: dict[str, dict[str, list[Run]]] = defaultdict(lambda: defaultdict(list))
        self.live = Live(get_renderable=self.table, console=self.console, refresh_per_second=1)

    def __enter__(self) -> Board:
        if self.console.is_terminal:
            self.live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.console.is_terminal:
            self.live.stop()

    def __call__(self, job: Job, run: Run | None, error: JobError | None) -> None:
        """Count and show a job that starts, ends (``run``) or fails (``error``)."""
        if run is None and error is None:
            self.running[job.label].append(job)
            return
        self.done += 1
        ran = job in self.running[job.label]
        if ran:
            self.running[job.label].remove(job)
            self.made += 1
        if error is not None:
            self.failed += 1
            self.console.print(
                f"[bold red]failed:[/] {job.label}, {job.name}\n{escape(str(error))}"
            )
            return
        self.runs[job.label][job.phase].append(run)
        if ran and not self.console.is_terminal:
            seconds = sum(run.seconds.values())
            self.console.print(
                f"{self.done}/{self.total} {job.label}, {job.name}: valid AUC {_auc(run.valid)}, "
                f"{seconds:.0f} s; {self.time_left()}",
                soft_wrap=True,
            )

    def time_left(self) -> str:
        """Estimate of the time left, from the mean time of the runs made so far."""
        if not self.made:
            return "no run finished yet"
        left = (perf_counter() - self.start) / self.made * (self.total - self.done)
        return f"about {left / 60:.0f} min left"

    def table(self) -> Table:
        """Return the table of the runs so far."""
        table = Table(caption=f"{self.done} of {self.total} runs; {self.time_left()}")
        for name in ("run", "trials", "seeds", "valid AUC", "test AUC", "s a run", "now"):
            is_name = name in ("run", "now")
            table.add_column(
                name,
                justify="left" if is_name else "right",
                no_wrap=not is_name,  # at a small width names are cut, numbers are not
                overflow="ellipsis",
            )
        for label in dict.fromkeys([*self.runs, *self.running]):
            trials, finals = (self.runs[label][phase] for phase in ("trial", "final"))
            shown = finals or trials
            seconds = [sum(run.seconds.values()) for run in shown]
            table.add_row(
                label,
                str(len(trials)),
                str(len(finals)),
                _mean(run.valid.get("auc") for run in shown),
                _mean(run.test.get("auc") for run in finals),
                f"{fmean(seconds):.0f}" if seconds else "",
                ", ".join(job.name for job in self.running[label]),
            )
        return table


def _mean(values) -> str:
    known = [value for value in values if value is not None]
    return f"{fmean(known):.4f}" if known else ""


def _auc(metrics: dict) -> str:
    return _mean([metrics.get("auc")]) or "-"
