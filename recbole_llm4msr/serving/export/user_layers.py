"""What a model generates for every user, made once, in the precision that is asked for."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch

from recbole_llm4msr.model import LLM4MSR
from recbole_llm4msr.model.llm4msr.traced import UserGenerator

Precision = Literal["float32", "float16", "int8"]
PRECISIONS: tuple[Precision, ...] = ("float32", "float16", "int8")

_USERS_AT_A_TIME = 8192


class GeneratorGraph(torch.nn.Module):
    """The user generator with the properties that an export to ONNX reads.

    Args:
        model: A model with a user level or an item level.
    """

    input_names = ("knowledge",)
    output_names = ("user_layer",)

    def __init__(self, model: LLM4MSR) -> None:
        super().__init__()
        self.generator = UserGenerator(model)
        self.width = model.knowledge.user.shape[1]
        self.eval()

    def example(self) -> tuple[torch.Tensor, ...]:
        """Knowledge of three users."""
        return (torch.zeros(3, self.width),)

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """``(U, d) -> (U, n)``."""
        return self.generator(*inputs)


@torch.no_grad()
def generate_layers(model: LLM4MSR, user_order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Make the layers of all users; those with equal knowledge share one.

    Args:
        model: The model.
        user_order: Old id of each new user id; the first is the padding, whose knowledge is the
            mean, which an unseen user has too.

    Returns:
        The distinct layers, float32, shape ``(R, n)``, and the row of every new user id and of an
        unknown user, int32, shape ``(n_users + 1,)``.
    """
    order = torch.from_numpy(np.append(user_order, user_order[0]))
    knowledge = model.knowledge.user[order].contiguous()
    rows = knowledge.numpy().view([("", np.void, knowledge.shape[1] * 4)]).ravel()
    _, first, row_of = np.unique(rows, return_index=True, return_inverse=True)
    distinct = knowledge[torch.from_numpy(first)]
    generator = UserGenerator(model).eval()
    layers = [generator(part).numpy() for part in distinct.split(_USERS_AT_A_TIME)]
    return np.concatenate(layers), row_of.astype(np.int32)


def in_precision(layers: np.ndarray, precision: Precision) -> dict[str, np.ndarray]:
    """Arrays as they are stored: ``layer``, and for int8 the ``scale`` of every row."""
    if precision == "int8":
        scale = np.abs(layers).max(axis=1) / 127
        scale = np.where(scale > 0, scale, 1).astype(np.float32)
        return {"layer": np.rint(layers / scale[:, None]).astype(np.int8), "scale": scale}
    return {"layer": layers.astype(precision)}
