"""Timing of training steps from outside the trainer, and their profile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median
from time import perf_counter, process_time
from typing import Any

from torch.profiler import ProfilerActivity, profile

_LISTED = 10  # operations of a profile


class TimedLoader:
    """Loader of the first batches of another, which times their loading and their training.

    A trainer requests a batch, trains on it, and requests the next: the time between two requests
    is a step, for any trainer.

    Args:
        loader: A loader.
        n: Number of batches; ``None`` for all.

    Attributes:
        wall: Seconds of every step, loading included.
        cpu: CPU seconds of the same.
        feeding: Seconds until the loader returned the batch.
    """

    def __init__(self, loader: Any, n: int | None = None) -> None:
        self._loader = loader
        self._n = len(loader) if n is None else min(n, len(loader))
        self.wall: list[float] = []
        self.cpu: list[float] = []
        self.feeding: list[float] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def __len__(self) -> int:
        return self._n

    def __iter__(self) -> Iterator[Any]:
        wall, cpu = perf_counter(), process_time()
        batches = iter(self._loader)
        for _ in range(self._n):
            batch = next(batches)
            self.feeding.append(perf_counter() - wall)
            yield batch
            self.wall.append(perf_counter() - wall)
            self.cpu.append(process_time() - cpu)
            wall, cpu = perf_counter(), process_time()


def time_steps(trainer: Any, loader: Any, steps: int, warm_up: int) -> dict[str, float]:
    """Return medians over ``steps`` training steps, after ``warm_up`` steps.

    Returns:
        ``step_ms``, ``step_cpu_ms``, ``feeding_ms``, ``samples_per_second``, and ``steps``, their
        number.
    """
    timed = TimedLoader(loader, warm_up + steps)
    trainer._train_epoch(timed, 0)
    if len(timed) <= warm_up:
        raise ValueError(f"{len(timed)} batches do not suffice for {warm_up} steps of warm-up")
    seconds = median(timed.wall[warm_up:])
    return {
        "step_ms": 1e3 * seconds,
        "step_cpu_ms": 1e3 * median(timed.cpu[warm_up:]),
        "feeding_ms": 1e3 * median(timed.feeding[warm_up:]),
        "samples_per_second": trainer.config["train_batch_size"] / seconds,
        "steps": len(timed) - warm_up,
    }


def profile_steps(trainer: Any, loader: Any, steps: int, warm_up: int) -> list[list]:
    """Profile training steps; return their :func:`costliest_operations`."""
    trainer._train_epoch(TimedLoader(loader, warm_up), 0)
    timed = TimedLoader(loader, steps)
    return costliest_operations(lambda: trainer._train_epoch(timed, 1), len(timed))


def costliest_operations(work: Callable[[], Any], steps: int) -> list[list]:
    """Return the operations with the largest share of the CPU time of ``work``.

    Args:
        work: Function that is run once, under the profiler.
        steps: Number of steps in it.

    Returns:
        Name, share of the CPU time of all operations, and calls a step.
    """
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        work()
    events = profiler.key_averages()
    total = sum(event.self_cpu_time_total for event in events)
    events = sorted(events, key=lambda event: event.self_cpu_time_total, reverse=True)[:_LISTED]
    return [
        [event.key, event.self_cpu_time_total / total, round(event.count / steps, 1)]
        for event in events
    ]
