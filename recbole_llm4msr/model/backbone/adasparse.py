r"""AdaSparse: every scenario prunes the neurons it does not need.

Reference:
    Xuanhua Yang et al. "AdaSparse: Learning Adaptively Sparse Structures for Multi-Domain
    Click-Through Rate Prediction." CIKM 2022. https://arxiv.org/abs/2206.13108
"""

from __future__ import annotations

from itertools import pairwise

import torch
from recbole.data.interaction import Interaction
from torch import nn

from recbole_llm4msr.model.base import MultiScenarioRecommender
from recbole_llm4msr.model.layers.mlp import init_weights
from recbole_llm4msr.model.registry import register_backbone

#: The paper's three kinds of weighting factor.
FORMS = ("binarization", "scaling", "fusion")


class Pruner(nn.Module):
    r"""The domain-aware pruner of a layer: a factor for each of its neurons.

    .. math:: v = W_p [e_s \oplus h], \qquad \pi = S_\epsilon(v)

    with, by ``form``,

    * binarization: :math:`\pi = 1` where :math:`\sigma(\alpha v) > \epsilon`, else 0;
    * scaling: :math:`\pi = \beta\sigma(v)`, which prunes nothing;
    * fusion: :math:`\pi = \beta\sigma(\alpha v)` where that is more than :math:`\epsilon`, else 0.

    A step has no slope: binarization passes the gradient of :math:`\sigma(\alpha v)` straight
    through, and so does the share of pruned neurons in both forms that prune.

    Args:
        scenario_size: Width of a scenario's embedding.
        size: Width of the layer.
        form: One of :data:`FORMS`.
        beta: Largest factor, at least 1.
        epsilon: Factors up to here are zero: the neuron is pruned. Scaling has none.
    """

    def __init__(
        self, scenario_size: int, size: int, form: str, beta: float, epsilon: float
    ) -> None:
        super().__init__()
        self.form, self.beta, self.epsilon = form, beta, epsilon
        self.linear = nn.Linear(scenario_size + size, size, bias=False)

    def forward(
        self, e: torch.Tensor, h: torch.Tensor, alpha: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Factors of the neurons, ``(B, size)``, and the share of them that is zero, a scalar."""
        v = self.linear(torch.cat([e, h], dim=1))
        if self.form == "scaling":
            return self.beta * torch.sigmoid(v), v.new_zeros(())
        is_open = torch.sigmoid(alpha * v)
        factor = is_open if self.form == "binarization" else self.beta * is_open
        kept = factor > self.epsilon
        through = kept.to(is_open.dtype) + is_open - is_open.detach()
        pruned = 1 - through.float().mean()
        if self.form == "binarization":
            return through, pruned
        return torch.where(kept, factor, 0.0), pruned


@register_backbone
class AdaSparse(MultiScenarioRecommender):
    r"""One network for all scenarios, each with its own sub-network of it.

    .. math::
        h^{(l+1)} = \mathrm{ReLU}(W^{(l)} (\pi_s^{(l)} \odot h^{(l)}) + b^{(l)}), \qquad
        h^{(0)} = x

    While training, :math:`\alpha` grows by ``alpha_step`` a batch up to ``alpha_max``, which makes
    the factors sharper; it is a buffer, saved with the model, and stands still in evaluation.

    The flexible sparsity regularisation of the forms that prune is added to the loss,

    .. math:: \frac{\lambda}{L} \sum_l (r^{(l)} - r)^2, \qquad r = (r_{min} + r_{max}) / 2

    for the layers whose share :math:`r^{(l)}` of pruned neurons, counted over the batch, is outside
    :math:`[r_{min}, r_{max}]`. As in the paper :math:`\lambda` grows as training goes on; here it
    grows with :math:`\alpha`, :math:`\lambda = \lambda_0\, \alpha / \alpha_0`.

    Raises:
        ValueError: ``pruner_form`` is none of the three, ``sparsity_range`` no range, or
            ``alpha_start`` not positive.
    """

    def __init__(self, config, dataset) -> None:
        super().__init__(config, dataset)

        # load parameters info
        self.mlp_hidden_size = config["mlp_hidden_size"]
        self.dropout_prob = config["dropout_prob"]
        self.form = config["pruner_form"]
        if self.form not in FORMS:
            raise ValueError(f"pruner_form: {self.form!r} is none of {', '.join(FORMS)}")
        self.beta, self.epsilon = config["pruner_beta"], config["pruner_epsilon"]
        self.alpha_start: float = config["alpha_start"]
        if self.alpha_start <= 0:
            raise ValueError(f"alpha_start: {self.alpha_start} is not above 0")
        self.alpha_step, self.alpha_max = config["alpha_step"], config["alpha_max"]
        self.sparsity_weight = config["sparsity_weight"]
        self.sparsity_range = config["sparsity_range"]
        low, high = self.sparsity_range
        if not 0 <= low <= high <= 1:
            raise ValueError(f"sparsity_range: {self.sparsity_range} is not [low, high] in 0..1")

        # define layers and loss
        sizes = [self.input_size, *self.mlp_hidden_size]
        self.scenario_embedding = nn.Embedding(self.n_scenarios, self.embedding_size)
        self.pruners = nn.ModuleList(
            Pruner(self.embedding_size, size, self.form, self.beta, self.epsilon) for size in sizes
        )
        self.layers = nn.ModuleList(nn.Linear(i, o) for i, o in pairwise(sizes))
        self.logit = nn.Linear(sizes[-1], 1)
        self.dropout = nn.Dropout(self.dropout_prob)
        self.register_buffer("alpha", torch.tensor(float(self.alpha_start)))
        self._penalty: torch.Tensor | None = None  # of the last training batch, until it is taken

        # parameters initialization
        self.apply(init_weights)

    def score(self, x: torch.Tensor, scenario: torch.Tensor) -> torch.Tensor:
        """Logits, shape ``(B,)``."""
        logit, pruned = self.score_and_share(x, scenario)
        if self.training:
            self._penalty = self.sparsity_penalty(pruned)
            # A new tensor: the old one is still needed by the backward pass.
            self.alpha = (self.alpha + self.alpha_step).clamp(max=self.alpha_max)
        return logit

    def score_and_share(
        self, x: torch.Tensor, scenario: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits ``(B,)`` and, of every layer and the input, the share of pruned neurons."""
        e = self.scenario_embedding(scenario)
        h, pruned = x, []
        for i, pruner in enumerate(self.pruners):
            factor, share = pruner(e, h, self.alpha)
            h = factor * h
            pruned.append(share)
            if i < len(self.layers):
                h = torch.relu(self.layers[i](self.dropout(h)))
        return self.logit(h).squeeze(-1), torch.stack(pruned)  # shares: (L + 1,)

    def sparsity_penalty(self, pruned: torch.Tensor) -> torch.Tensor:
        """The regularisation term of a batch from the share of pruned neurons of each layer."""
        if self.form == "scaling":
            return pruned.new_zeros(())
        low, high = self.sparsity_range
        outside = (pruned < low) | (pruned > high)
        weight = self.sparsity_weight * self.alpha / self.alpha_start
        return weight * (outside * (pruned - (low + high) / 2) ** 2).mean()

    def loss_of(self, logit: torch.Tensor, interaction: Interaction) -> torch.Tensor:
        """Binary cross entropy and, while training, the sparsity regularisation."""
        penalty, self._penalty = self._penalty, None
        loss = super().loss_of(logit, interaction)
        return loss + penalty if self.training and penalty is not None else loss
