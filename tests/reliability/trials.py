"""A trial, its outcome, and how trials are run one after the other with progress."""

from __future__ import annotations

import shutil
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from tests.reliability.workplace import BrokenError


@dataclass(frozen=True)
class Trial:
    """Something that is tried once.

    Attributes:
        kind: Heading of the table.
        subject: Row of the table.
        name: What tells it from the others of its row; a seed draws the same again.
        run: Tries it; raises :class:`BrokenError` where something did not hold.
    """

    kind: str
    subject: str
    name: str
    run: Callable[[], None]


@dataclass(frozen=True)
class Outcome:
    """What came of a trial; ``fault`` is empty where everything held."""

    kind: str
    subject: str
    name: str
    fault: str
    seconds: float


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        seconds = task.finished_time or task.elapsed or 0.0
        return Text(f"{60 * task.completed / seconds:.0f} a minute" if seconds else "")


def run_trials(
    trials: Sequence[Trial], console: Console, keep: Callable[[list[Outcome]], None]
) -> list[Outcome]:
    """Run trials in their order.

    Args:
        trials: What is tried.
        console: Shows progress and, at once, what did not hold.
        keep: Called after every trial with all outcomes so far.
    """
    outcomes = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(),
               TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("trials", total=len(trials))
        for trial in trials:
            progress.update(bar, description=f"{trial.kind}: {trial.subject}")
            outcome = _try(trial)
            outcomes.append(outcome)
            keep(outcomes)
            if outcome.fault:
                text = f"{trial.kind}, {trial.subject}, {trial.name}: {outcome.fault}"
                console.print(text, style="red", markup=False, highlight=False, soft_wrap=True)
            progress.advance(bar)
    return outcomes


def _try(trial: Trial) -> Outcome:
    started, fault = time.monotonic(), ""
    try:
        trial.run()
    except BrokenError as error:
        fault = str(error)
    except Exception:
        fault = f"the trial itself failed: {traceback.format_exc()[-900:]}"
    seconds = round(time.monotonic() - started, 2)
    return Outcome(trial.kind, trial.subject, trial.name, fault, seconds)


def discard(folder: Path) -> None:
    """Remove the folder of a trial that held; what did not hold is kept to be looked at."""
    shutil.rmtree(folder, ignore_errors=True)
