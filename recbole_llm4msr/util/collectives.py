"""Broadcast, sum and gather values over the processes of a distributed run.

RecBole 1.2.1 averages metrics over the processes, which is not an AUC; with these functions scores
are gathered before any metric is computed.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import distributed

from recbole_llm4msr.util.no_compile import untraced


def before_process_group() -> None:
    """Import ``torch.distributed.nn`` before the process group is initialised.

    Its functions take the current process group as a default argument. Imported later, with torch's
    compiler, they would keep that group alive, and gloo's threads abort a process that ends before
    they do. A run of one process imports it with the compiler, if at all.
    """
    importlib.import_module("torch.distributed.nn.functional")


def of_first_process(value: Any) -> Any:
    """Broadcast the value of rank 0 to all processes; a single process keeps its own."""
    return _broadcast(value) if distributed.is_initialized() else value


def sum_of_processes(tensor: torch.Tensor) -> torch.Tensor:
    """Sum a tensor over all processes, in place; a single process keeps its own."""
    return _sum(tensor) if distributed.is_initialized() else tensor


@untraced
def _broadcast(value: Any) -> Any:
    values = [value]
    distributed.broadcast_object_list(values, src=0)
    return values[0]


@untraced
def _sum(tensor: torch.Tensor) -> torch.Tensor:
    distributed.all_reduce(tensor)
    return tensor


@contextmanager
def first_process_first(config) -> Iterator[None]:
    """Run the block in the first process of every host before the others run it."""
    if not config["single_spec"] and config["local_rank"] != 0:
        distributed.barrier()
    yield
    if not config["single_spec"] and config["local_rank"] == 0:
        distributed.barrier()


def gather_rows(rows: torch.Tensor) -> list[torch.Tensor]:
    """Gather the tensors of all processes in rank order; their numbers of rows may differ."""
    world = distributed.get_world_size()
    sizes = [torch.zeros(1, dtype=torch.int64, device=rows.device) for _ in range(world)]
    distributed.all_gather(sizes, torch.tensor([len(rows)], device=rows.device))
    counts = [int(size) for size in sizes]
    padded = rows.new_zeros((max(counts), *rows.shape[1:]))
    padded[: len(rows)] = rows
    gathered = [torch.empty_like(padded) for _ in range(world)]
    distributed.all_gather(gathered, padded)
    return [part[:count] for part, count in zip(gathered, counts, strict=True)]


def gather_split(rows: torch.Tensor, total: int) -> torch.Tensor:
    """Gather the rows that a distributed sampler dealt out, in the order of the split.

    torch's distributed sampler deals rows out in turn and repeats some of the first ones, so that
    all processes get equally many; the repeated ones are dropped.

    Args:
        rows: This process's values, in the order in which it met them.
        total: Number of rows of the split.
    """
    return torch.stack(gather_rows(rows), dim=1).flatten(end_dim=1)[:total]
