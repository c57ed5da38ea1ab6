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
from recbole_llm4msr.model.layers import init_weights
from recbole_llm4msr.model.registry import register_backbone

#: The paper's three kinds of weighting factor.
FORMS = ("binarization", "scaling", "fusion")


class Pruner(nn.Module):
    r"""The domain-aware pruner of a layer: a factor for each of its neurons.

    .. math:: v = W_p [e_s \oplus h] + b_p, \qquad \pi = S_\epsilon(v)

    with, by ``form``,

    * binarization: :math:`\pi = 1` where :math:`\sigma(\alpha v) \ge \epsilon`, else 0;
    * scaling: :math:`\pi = \beta\sigma(v)`, which prunes nothing;
    * fusion: :math:`\pi = \beta\sigma(\alpha v)` where that is at least :math:`\epsilon`, else 0.

    A step has no slope: binarization passes the gradient of :math:`\sigma(\alpha v)` straight
    through.

    Args:
        scenario_size: Width of a scenario's embedding.
        size: Width of the layer.
        form: One of :data:`FORMS`.
        beta: Largest factor, at least 1.
        epsilon: Factors below are zero: the neuron is pruned. Scaling has none.
    """

    def __init__(
        self, scenario_size: int, size: int, form: str, beta: float, epsilon: float
    ) -> None:
        super().__init__()
        self.form, self.beta, self.epsilon = form, beta, epsilon
        self.linear = nn.Linear(scenario_size + size, size)

    def forward(
        self, e: torch.Tensor, h: torch.Tensor, alpha: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Factors of the neurons and how far each neuron is open, 0 to 1, both ``(B, size)``."""
        v = self.linear(torch.cat([e, h], dim=1))
        is_open = torch.sigmoid(v if self.form == "scaling" else alpha * v)
        if self.form == "binarization":
            kept = (is_open >= self.epsilon).to(is_open.dtype)
            return kept + is_open - is_open.detach(), is_open
        factor = self.beta * is_open
        if self.form == "scaling":
            return factor, is_open
        return torch.where(factor >= self.epsilon, factor, 0.0), is_open


@register_backbone
class AdaSparse(MultiScenarioRecommender):
    r"""One network for all scenarios, each with its own sub-network of it.

    .. math::
        h^{(l+1)} = \mathrm{ReLU}(W^{(l)} (\pi_s^{(l)} \odot h^{(l)}) + b^{(l)}), \qquad
        h^{(0)} = x

    While training, :math:`\alpha` grows by ``alpha_step`` a batch up to ``alpha_max``, which makes
    the factors sharper; it is a buffer, saved with the model, and stands still in evaluation.

    The sparsity regularisation is added to the loss,

    .. math:: \frac{\lambda}{L} \sum_l (r^{(l)} - r)^2, \qquad r = (r_{min} + r_{max}) / 2

    for the layers whose share :math:`r^{(l)}` of closed neurons is outside
    :math:`[r_{min}, r_{max}]`. Adapted: the share is the mean of :math:`1 - \sigma(\cdot)`, which
    has a gradient in all three forms, and :math:`\lambda` is constant.

    Raises:
        ValueError: ``pruner_form`` is none of the three, or ``sparsity_range`` no range.
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
        self.register_buffer("alpha", torch.tensor(float(config["alpha_start"])))
        self._penalty: torch.Tensor | None = None  # of the last training batch, until it is taken

        # parameters initialization
        self.apply(init_weights)

    def score(self, x: torch.Tensor, scenario: torch.Tensor) -> torch.Tensor:
        """Logits, shape ``(B,)``."""
        e = self.scenario_embedding(scenario)
        h, is_open = x, []
        for i, pruner in enumerate(self.pruners):
            factor, o = pruner(e, h, self.alpha)
            h = factor * h
            is_open.append(o)
            if i < len(self.layers):
                h = torch.relu(self.layers[i](self.dropout(h)))
        if self.training:
            self._penalty = self.sparsity_penalty(is_open)
            # A new tensor: the old one is still needed by the backward pass.
            self.alpha = (self.alpha + self.alpha_step).clamp(max=self.alpha_max)
        return self.logit(h).squeeze(-1)

    def sparsity_penalty(self, is_open: list[torch.Tensor]) -> torch.Tensor:
        """The regularisation term of a batch from how far each layer's neurons are open."""
        low, high = self.sparsity_range
        closed = torch.stack([1 - o.float().mean() for o in is_open])  # (L + 1,)
        outside = (closed < low) | (closed > high)
        return self.sparsity_weight * (outside * (closed - (low + high) / 2) ** 2).mean()

    def loss_of(self, logit: torch.Tensor, interaction: Interaction) -> torch.Tensor:
        """Binary cross entropy and, while training, the sparsity regularisation."""
        penalty, self._penalty = self._penalty, None
        loss = super().loss_of(logit, interaction)
        return loss + penalty if self.training and penalty is not None else loss
