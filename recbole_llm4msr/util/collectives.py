"""Values shared by the processes of a run.

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

from recbole_llm4msr.util.compiler import untraced


def before_process_group() -> None:
    """Import what must not be imported while there is a process group; call it before there is one.

    The functions of ``torch.distributed.nn`` take the process group there is as a default. Imported
    later, with torch's compiler, they would keep ours alive, and gloo's threads abort a process
    that ends before they do. A run of one process imports it with the compiler, if at all.
    """
    importlib.import_module("torch.distributed.nn.functional")


def of_first_process(value: Any) -> Any:
    """What the first process has, in every process; without others, the value as it is."""
    return _broadcast(value) if distributed.is_initialized() else value


def sum_of_processes(tensor: torch.Tensor) -> torch.Tensor:
    """The sum over all processes, in place; without others, the tensor as it is."""
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
    """Let the first process of every host do something alone, and the others find it done."""
    if not config["single_spec"] and config["local_rank"] != 0:
        distributed.barrier()
    yield
    if not config["single_spec"] and config["local_rank"] == 0:
        distributed.barrier()


def gather_rows(rows: torch.Tensor) -> list[torch.Tensor]:
    """Tensors of all processes, whose numbers of rows may differ, in the order of the ranks."""
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
    """All rows of a split of which every process has seen its share, in the split's order.

    torch's distributed sampler deals rows out in turn and repeats some of the first ones, so that
    all processes get equally many; the repeated ones are dropped.

    Args:
        rows: This process's values, in the order in which it met them.
        total: Number of rows of the split.
    """
    return torch.stack(gather_rows(rows), dim=1).flatten(end_dim=1)[:total]
