r"""The code of a meta network: a knowledge vector compressed once to a few numbers.

From the code, one head per meta layer generates that layer's weight and bias.

Reference:
    Yuhao Wang et al. "LLM4MSR: An LLM-Enhanced Paradigm for Multi-Scenario Recommendation."
    CIKM 2024. https://doi.org/10.1145/3627673.3679743
"""

from __future__ import annotations

import torch
from torch import nn


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
