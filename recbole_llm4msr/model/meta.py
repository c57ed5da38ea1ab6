r"""Meta networks: knowledge becomes the weights and biases of layers.

A meta network reads a knowledge vector once, into a small *code*; from the code, one head per meta
layer generates that layer's weight and bias.

Reference:
    Yuhao Wang et al. "LLM4MSR: An LLM-Enhanced Paradigm for Multi-Scenario Recommendation."
    CIKM 2024. https://doi.org/10.1145/3627673.3679743
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from recbole_llm4msr.model.arithmetic import tanh_
from recbole_llm4msr.model.generated import generated_weight
from recbole_llm4msr.model.users import BatchUsers, per_row


class KnowledgeEncoder(nn.Module):
    r"""The part of a meta network that its layers share: knowledge to code.

    .. math:: z = \mathrm{SiLU}(A k + a)

    Args:
        knowledge_size: Width of a knowledge vector, whose numbers have a mean square of one.
        code_size: Width of the code.
        dropout: Dropout probability on the code.
    """

    def __init__(self, knowledge_size: int, code_size: int, dropout: float) -> None:
        super().__init__()
        self.encode = nn.Sequential(
            nn.Linear(knowledge_size, code_size),
            nn.SiLU(),
            nn.Dropout(dropout),
        )
        nn.init.xavier_normal_(self.encode[0].weight)
        nn.init.zeros_(self.encode[0].bias)

    def forward(self, knowledge: torch.Tensor) -> torch.Tensor:
        """``(N, knowledge_size) -> (N, code_size)``."""
        return self.encode(knowledge)


class UserMetaLayer(nn.Module):
    r"""A residual layer whose weight and bias are a user's own.

    .. math:: x' = x + \tanh(W(z_u)\,x + b(z_u))

    The last layer of every generator starts at zero, and :math:`\tanh 0 = 0` with a slope of one:
    an untrained meta layer is the identity, and gradients reach it from the first step.

    Args:
        code_size: Width of the code, K.
        size: Width of the rows, D.
        meta_rank: Form of the generated weight, see ``generated_weight``.
        plan: How a full one is computed, see ``FullWeight``.
    """

    def __init__(self, code_size: int, size: int, meta_rank: int | str, plan: str) -> None:
        super().__init__()
        self.weight = generated_weight(meta_rank, code_size, size, plan)
        self.bias = nn.Linear(code_size, size)
        nn.init.zeros_(self.bias.weight)
        nn.init.zeros_(self.bias.bias)

    def forward(
        self, x: torch.Tensor, code: torch.Tensor, users: BatchUsers | None = None
    ) -> torch.Tensor:
        """``(B, D), (B or G, K) -> (B, D)``."""
        # In place: on a CPU fresh memory for a batch costs more than working on it.
        change = tanh_(self.weight(x, code, users).add_(per_row(self.bias(code), users)))
        if torch.is_grad_enabled() or change.dtype != x.dtype:  # autocast computes in another
            return x + change
        return change.add_(x)


class UserMetaNetwork(nn.Module):
    """User-level meta layers at the bottom of a backbone: ``(B, D) -> (B, D)``.

    Args:
        knowledge_size: Width of a user's knowledge vector.
        size: Width of the embedded rows, D.
        code_size: Width of the code.
        n_layers: Number of meta layers.
        meta_rank: Form of the generated weights.
        dropout: Dropout probability on the code.
        plan: How full ones are computed, see ``FullWeight``.
    """

    def __init__(
        self,
        knowledge_size: int,
        size: int,
        *,
        code_size: int,
        n_layers: int,
        meta_rank: int | str,
        dropout: float,
        plan: str = "auto",
    ) -> None:
        super().__init__()
        self.encoder = KnowledgeEncoder(knowledge_size, code_size, dropout)
        self.layers = nn.ModuleList(
            UserMetaLayer(code_size, size, meta_rank, plan) for _ in range(n_layers)
        )

    def forward(
        self, x: torch.Tensor, knowledge: torch.Tensor, users: BatchUsers | None = None
    ) -> torch.Tensor:
        """Send rows ``x`` (B, D) through the layers that knowledge makes.

        Args:
            x: Rows, shape ``(B, D)``.
            knowledge: A vector per row, shape ``(B, d)``, or per user of ``users``, ``(G, d)``.
            users: The users of the batch.
        """
        code = self.encoder(knowledge)
        for layer in self.layers:
            x = layer(x, code, users)
        return x


class ScenarioMetaNetwork(nn.Module):
    r"""A generated tower per scenario, in parallel with the backbone: ``(B, D) -> (B,)``.

    .. math:: h_{l+1} = \mathrm{ReLU}(W_l(z_s) h_l + b_l(z_s)), \qquad
              \mathrm{logit} = w(z_s)^\top h_L + b(z_s)

    The weights are generated once per scenario and batch, never per row, and a row only runs its
    own scenario's tower. The generator of the last layer starts at zero, and so does the logit.

    Args:
        knowledge_size: Width of a scenario's knowledge vector.
        size: Width of the embedded rows, D.
        code_size: Width of the code.
        hidden_size: Width of the generated hidden layers.
        n_layers: Number of generated hidden layers.
        dropout: Dropout probability on the code.
    """

    def __init__(
        self,
        knowledge_size: int,
        size: int,
        *,
        code_size: int,
        hidden_size: int,
        n_layers: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.encoder = KnowledgeEncoder(knowledge_size, code_size, dropout)
        self.sizes = [size, *[hidden_size] * n_layers, 1]
        # One generator for all layers: weight and bias of the first, then of the second, and so on.
        self.numbers = [n for i, o in pairwise(self.sizes) for n in (i * o, o)]
        self.generate = nn.Linear(code_size, sum(self.numbers))
        nn.init.zeros_(self.generate.weight)
        nn.init.zeros_(self.generate.bias)
        hidden = self.generate.bias.detach().split(self.numbers)[:-2:2]
        for (fan_in, fan_out), weight in zip(pairwise(self.sizes), hidden, strict=False):
            # What a generated hidden layer starts from is as wide as a Xavier-normal one.
            nn.init.normal_(weight, std=(2 / (fan_in + fan_out)) ** 0.5)

    def forward(self, parts: Sequence[torch.Tensor], knowledge: torch.Tensor) -> torch.Tensor:
        """Score the rows of every scenario by its tower.

        Args:
            parts: Embedded rows of each scenario, S tensors ``(B_s, D)``.
            knowledge: Knowledge of the scenarios, shape ``(S, knowledge_size)``.

        Returns:
            Logits, one scenario's after the other, shape ``(B,)``.
        """
        # Unbound once: a gradient through generated[s] would be a full tensor for every scenario.
        generated = self.generate(self.encoder(knowledge)).unbind()  # S times (numbers,)
        logits = [self._tower(x, own) for x, own in zip(parts, generated, strict=True) if len(x)]
        return torch.cat(logits) if logits else self._tower(parts[0], generated[0])

    def _tower(self, x: torch.Tensor, generated: torch.Tensor) -> torch.Tensor:
        numbers = generated.split(self.numbers)
        layers = zip(numbers[::2], numbers[1::2], strict=True)
        *hidden, last = ((weight.view(len(bias), -1), bias) for weight, bias in layers)
        for weight, bias in hidden:
            x = torch.relu(F.linear(x, weight, bias))
        return F.linear(x, *last).squeeze(-1)
