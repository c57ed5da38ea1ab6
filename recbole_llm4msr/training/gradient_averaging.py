"""Gradients averaged over the processes of a run.

RecBole 1.2.1 wraps the model for NVIDIA devices only and adds every parameter to the loss (a pass
over the whole embedding table per step). Here gradients are averaged after ``backward``, the sparse
ones too.
"""

from __future__ import annotations

import torch
from recbole.trainer.trainer import AbstractTrainer
from torch import distributed

from recbole_llm4msr.util.collectives import gather_rows


class GradientAveraging(AbstractTrainer):
    """Stands where RecBole's ``AbstractTrainer`` sets a distributed model up.

    All processes begin with the parameters of the first one.

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

        A parameter without a gradient in one process (a scenario that its batch lacks) counts as
        zero there; one without in all of them stays without.
        """
        world = distributed.get_world_size()
        parameters = [p for p in self.model.parameters() if p.requires_grad]
        kinds = [[p.grad is not None, p.grad is not None and p.grad.is_sparse] for p in parameters]
        found = torch.tensor(kinds, dtype=torch.float32, device=parameters[0].device)
        distributed.all_reduce(found)
        for parameter, (some, sparse) in zip(parameters, found.tolist(), strict=True):
            if sparse:
                parameter.grad = _sparse_mean(parameter, world)
            elif some:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                distributed.all_reduce(parameter.grad)
                parameter.grad /= world

    def average_statistics(self) -> None:
        """Make running statistics the same in all processes: their mean.

        Buffers that are no part of a checkpoint (knowledge, for one) do not change while training.
        """
        world = distributed.get_world_size()
        for module in self.model.modules():
            for name, buffer in module.named_buffers(recurse=False):
                fixed = name in module._non_persistent_buffers_set
                if buffer.is_floating_point() and not fixed:
                    distributed.all_reduce(buffer)
                    buffer /= world


def _sparse_mean(parameter: torch.nn.Parameter, world: int) -> torch.Tensor:
    """Mean of the sparse gradients of all processes, as one sparse gradient."""
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
