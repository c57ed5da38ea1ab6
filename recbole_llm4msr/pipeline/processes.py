"""Start the processes of one distributed run.

RecBole 1.2.1's launcher forgets ``saved``, writes its settings into the caller's dict, and waits
for the processes before it reads the result, for ever if that is larger than a pipe.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import multiprocessing
from torch.multiprocessing import ProcessRaisedException

from recbole_llm4msr.util.parent_watch import end_with_parent


def check_processes(nproc: Any, config: Any, oversubscribe: bool = False) -> None:
    """Check that this machine has a core or a GPU for each process of a run.

    Args:
        nproc: Processes of this machine.
        config: Configuration of the run, which says whether it uses GPUs, and which.
        oversubscribe: Whether several processes may share a core.

    Raises:
        ValueError: ``nproc`` is not a number of processes, or larger than that of cores or GPUs.
    """
    if type(nproc) is not int or nproc < 1:
        raise ValueError(f"nproc: {nproc!r} is not a number of processes, as 2")
    if config["use_gpu"] and torch.cuda.is_available():
        gpus = min(torch.cuda.device_count(), len(str(config["gpu_id"]).split(",")))
        if nproc > gpus:  # two processes of one GPU cannot exchange gradients
            raise ValueError(
                f"nproc: {nproc} processes need {nproc} GPUs, and gpu_id: {config['gpu_id']} gives "
                f"{gpus}. Name one for each process (--gpu_id=0,1 --nproc=2), set --nproc={gpus}, "
                "or train on the CPU (--use_gpu=False)"
            )
        return
    cores = _cores()
    if nproc > cores and not oversubscribe:
        raise ValueError(
            f"nproc: {nproc} processes share {cores} cores and would wait for each other. Set "
            f"--nproc={cores} or less, or --oversubscribe=True to start them all the same"
        )


def _cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Refused(NamedTuple):
    """What a process says of data or settings that it cannot use, in place of a result."""

    message: str


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
        ValueError: Data or settings cannot be used.
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
    options = {**options, "config_dict": {**(settings or {}), **where}}
    task = pickle.dumps((worker, arguments, options))
    # No daemons: these may not start processes of their own, and loaders do (worker).
    processes = multiprocessing.spawn(_run_worker, args=(task, queue), nprocs=nproc, join=False)
    result, done = None, False
    try:
        while not done:
            done = processes.join(timeout=0.1)
            if not queue.empty():
                result = queue.get()
    except BaseException as error:  # KeyboardInterrupt, too: leave no process running
        for process in processes.processes:
            process.terminate()
        while isinstance(error, ProcessRaisedException) and not queue.empty():
            result = queue.get()
        if isinstance(result, _Refused):
            raise ValueError(result.message) from error
        raise
    return result


def _run_worker(rank: int, task: bytes, queue: Any) -> None:
    """Watch the parent, then import what the worker needs, and run it."""
    end_with_parent()
    worker, arguments, options = pickle.loads(task)
    try:
        worker(rank, *arguments, {**options, "queue": queue})
    except (ValueError, OSError) as error:
        queue.put(_Refused(str(error)))
        raise
