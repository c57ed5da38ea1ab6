r"""The item level (not in the paper): a logit from the knowledge of the item and of the user.

The user's knowledge generates a small layer, the item's knowledge runs through it, and its output
is one more logit. Without cross-fitted user knowledge (``knowledge_folds``) this level learns to
recognise a training row's own item in its user's prompt, instead of the user's interests.
"""

from __future__ import annotations

import torch
from torch import nn

from recbole_llm4msr.model.llm4msr.knowledge_encoder import KnowledgeEncoder
from recbole_llm4msr.model.llm4msr.users import BatchUsers, generated_times, per_row


class ItemMetaNetwork(nn.Module):
    r"""A generated interaction of user and item knowledge, in parallel: ``(B,)`` logits.

    .. math::
        v = \mathrm{SiLU}(E k_i + e), \qquad
        h = \mathrm{SiLU}(S(z_u)\,v + b(z_u)), \qquad \mathrm{logit} = w^\top h

    with the code :math:`z_u` of the user's knowledge, and a generated matrix
    :math:`S(z_u)` of size r times r. The last weight starts at zero, and so does the logit.

    Args:
        user_size: Width of a user's knowledge vector.
        item_size: Width of an item's knowledge vector.
        code_size: Width of the user's code, K.
        rank: Width of the interaction, r.
        dropout: Dropout probability on both codes.
    """

    def __init__(
        self, user_size: int, item_size: int, *, code_size: int, rank: int, dropout: float
    ) -> None:
        super().__init__()
        self.user_encoder = KnowledgeEncoder(user_size, code_size, dropout)
        self.item_encoder = KnowledgeEncoder(item_size, rank, dropout)
        self.core = nn.Linear(code_size, rank * rank)
        self.bias = nn.Linear(code_size, rank)
        self.logit = nn.Linear(rank, 1, bias=False)
        # Generated matrices start with the variance of a Xavier-normal layer.
        nn.init.normal_(self.core.weight, std=(1 / (rank * code_size)) ** 0.5)
        nn.init.zeros_(self.core.bias)
        nn.init.zeros_(self.bias.weight)
        nn.init.zeros_(self.bias.bias)
        nn.init.zeros_(self.logit.weight)

    def forward(
        self, user: torch.Tensor, item: torch.Tensor, users: BatchUsers | None = None
    ) -> torch.Tensor:
        """``(B or G, user_size), (B, item_size) -> (B,)``."""
        code = self.user_encoder(user)  # (B, K)
        v = self.item_encoder(item)  # (B, r)
        h = generated_times(self.core, code, v, users) + per_row(self.bias(code), users)
        return self.logit(nn.functional.silu(h)).squeeze(-1)
