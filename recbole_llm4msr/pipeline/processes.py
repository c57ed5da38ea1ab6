"""Start the processes of one distributed run.

RecBole 1.2.1's launcher forgets ``saved``, writes its settings into the caller's dict, and waits
for the processes before it reads the result, for ever if that is larger than a pipe.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import multiprocessing


def run_processes(
    worker: Callable[..., None],
    arguments: tuple,
    settings: dict[str, Any] | None,
    options: dict[str, Any],
    *,
    nproc: int = 1,
    world_size: int = -1,
    ip: str = "localhost",
    port: str = "5678",
    group_offset: int = 0,
) -> dict[str, Any] | None:
    """Run ``worker`` in ``nproc`` processes of this machine, among ``world_size``.

    Args:
        worker: Called as ``worker(rank, *arguments, options)``; ``config_dict`` is added to the
            options, and ``queue``, into which one of the processes puts the result.
        arguments: Model, data set and configuration files.
        settings: Configuration; where the processes find each other is added to it.
        options: Further options of the worker: ``saved`` and ``command_line``.
        nproc: Processes of this machine.
        world_size: Processes of all machines; -1 where this one is alone.
        ip: Address of the machine of the first process.
        port: Port there.
        group_offset: Processes on the machines before this one.

    Returns:
        The result, on every machine.

    Raises:
        torch.multiprocessing.ProcessException: A process failed.
    """
    queue = multiprocessing.get_context("spawn").SimpleQueue()
    where = {
        "world_size": nproc if world_size == -1 else world_size,
        "ip": ip,
        "port": port,
        "nproc": nproc,
        "offset": group_offset,
    }
    options = {**options, "config_dict": {**(settings or {}), **where}, "queue": queue}
    processes = multiprocessing.spawn(worker, args=(*arguments, options), nprocs=nproc, join=False)
    result, done = None, False
    while not done:
        done = processes.join(timeout=0.1)
        if not queue.empty():
            result = queue.get()
    return result
