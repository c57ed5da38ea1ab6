"""Training steps as the trainer makes them, timed from outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median
from time import perf_counter, process_time
from typing import Any

from torch.profiler import ProfilerActivity, profile

_LISTED = 10  # operations of a profile that are told


class Watched:
    """The first batches of a loader; notes how long each took to come and to be worked on.

    A trainer asks for a batch, works on it, and asks for the next: what lies between two requests
    is a step, whoever's trainer it is.

    Args:
        loader: A loader.
        n: How many batches to give; all where ``None``.

    Attributes:
        wall: Seconds of every step, feeding included.
        cpu: CPU seconds of the same.
        feeding: Seconds until the loader had given the batch.
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
    """Medians over ``steps`` training steps, after some that do not count.

    Returns:
        ``step_ms``, ``step_cpu_ms``, ``feeding_ms``, ``samples_per_second``, and how many ``steps``
        it is the median of.
    """
    watched = Watched(loader, warm_up + steps)
    trainer._train_epoch(watched, 0)
    if len(watched) <= warm_up:
        raise ValueError(f"{len(watched)} batches do not suffice for {warm_up} steps of warm-up")
    seconds = median(watched.wall[warm_up:])
    return {
        "step_ms": 1e3 * seconds,
        "step_cpu_ms": 1e3 * median(watched.cpu[warm_up:]),
        "feeding_ms": 1e3 * median(watched.feeding[warm_up:]),
        "samples_per_second": trainer.config["train_batch_size"] / seconds,
        "steps": len(watched) - warm_up,
    }


def profile_steps(trainer: Any, loader: Any, steps: int, warm_up: int) -> list[list]:
    """The operations that take most of the CPU time of some training steps; see :func:`dearest`."""
    trainer._train_epoch(Watched(loader, warm_up), 0)
    watched = Watched(loader, steps)
    return dearest(lambda: trainer._train_epoch(watched, 1), len(watched))


def dearest(work: Callable[[], Any], steps: int) -> list[list]:
    """The operations that take most of the CPU time of a piece of work.

    Args:
        work: Is run once, under the profiler.
        steps: How many steps it consists of.

    Returns:
        Name, share of the CPU time of all operations, and calls a step.
    """
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        work()
    found = profiler.key_averages()
    total = sum(event.self_cpu_time_total for event in found)
    found = sorted(found, key=lambda event: event.self_cpu_time_total, reverse=True)[:_LISTED]
    return [
        [event.key, event.self_cpu_time_total / total, round(event.count / steps, 1)]
        for event in found
    ]
