"""Average gradients over the processes of a distributed run, after ``backward``.

RecBole 1.2.1 wraps a model in torch's DistributedDataParallel for NVIDIA devices only, and adds
every parameter to the loss (a pass over the whole embedding table per step) so that each has a
gradient. Here sparse gradients stay sparse, and a parameter may lack a gradient in any process.
"""

from __future__ import annotations

import torch
from recbole.trainer.trainer import AbstractTrainer
from torch import distributed

from recbole_llm4msr.util.collectives import gather_rows


class GradientAveraging(AbstractTrainer):
    """Replaces RecBole's ``AbstractTrainer``, which sets up a distributed model.

    Parameters and buffers of rank 0 are broadcast to all processes at the start.

    Args:
        config: Configuration; ``single_spec`` is false in a distributed run.
        model: The model.
    """

    def __init__(self, config, model: torch.nn.Module) -> None:
        self.config = config
        self.model = model
        if not config["single_spec"]:
            for tensor in (*model.parameters(), *model.buffers()):
                distributed.broadcast(tensor.data, src=0)

    def average_gradients(self) -> None:
        """Replace every gradient by its mean over the processes.

        A parameter without a gradient in one process (its batch lacks a scenario) counts as zero
        there; a parameter without a gradient in all processes keeps none.
        """
        world = distributed.get_world_size()
        parameters = [p for p in self.model.parameters() if p.requires_grad]
        kinds = [[p.grad is not None, p.grad is not None and p.grad.is_sparse] for p in parameters]
        counts = torch.tensor(kinds, dtype=torch.float32, device=parameters[0].device)
        distributed.all_reduce(counts)  # processes with a gradient, and with a sparse one
        for parameter, (n_gradients, n_sparse) in zip(parameters, counts.tolist(), strict=True):
            if n_sparse:
                parameter.grad = _sparse_mean(parameter, world)
            elif n_gradients:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                distributed.all_reduce(parameter.grad)
                parameter.grad /= world

    def average_statistics(self) -> None:
        """Replace running statistics (floating-point buffers) by their mean over the processes.

        Buffers that are not saved in a checkpoint, such as knowledge vectors, never change.
        """
        world = distributed.get_world_size()
        for module in self.model.modules():
            for name, buffer in module.named_buffers(recurse=False):
                constant = name in module._non_persistent_buffers_set
                if buffer.is_floating_point() and not constant:
                    distributed.all_reduce(buffer)
                    buffer /= world


def _sparse_mean(parameter: torch.nn.Parameter, world: int) -> torch.Tensor:
    """Mean of a parameter's sparse gradients over all processes, as one sparse gradient."""
    grad = parameter.grad
    if grad is None:
        rows = torch.empty(1, 0, dtype=torch.int64, device=parameter.device)
        values = parameter.new_empty(0, parameter.shape[1])
    else:
        grad = grad.coalesce()
        rows, values = grad.indices(), grad.values()
    all_rows = torch.cat(gather_rows(rows[0]))
    all_values = torch.cat(gather_rows(values)) / world
    return torch.sparse_coo_tensor(all_rows.unsqueeze(0), all_values, parameter.shape)
