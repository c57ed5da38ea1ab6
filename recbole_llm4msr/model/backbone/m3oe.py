r"""M3oE: shared, scenario and task experts, fused on two levels.

Reference:
    Zijian Zhang et al. "M3oE: Multi-Domain Multi-Task Mixture-of-Experts Recommendation
    Framework." SIGIR 2024. https://arxiv.org/abs/2404.18465
"""

from __future__ import annotations

import torch
from torch import nn

from recbole_llm4msr.model.backbone.star import StarLinear
from recbole_llm4msr.model.base import MultiScenarioRecommender
from recbole_llm4msr.model.layers.mlp import (
    PerScenario,
    ScenarioGroups,
    Tower,
    init_weights,
    mix,
    mlp,
)
from recbole_llm4msr.model.registry import register_backbone


class NormalizedExperts(nn.Module):
    r"""Experts of one layer each, side by side (equation 3).

    .. math:: f_e(h) = \mathrm{ReLU}(\mathrm{LayerNorm}_e(W_e h + b_e))

    Args:
        expert_num: Number of experts, N.
        in_size: Width of the input, H.
        out_size: Width of an expert's output, E.
    """

    def __init__(self, expert_num: int, in_size: int, out_size: int) -> None:
        super().__init__()
        self.expert_num = expert_num
        self.linear = nn.Linear(in_size, expert_num * out_size)
        self.norm = nn.LayerNorm(out_size, elementwise_affine=False)
        self.gamma = nn.Parameter(torch.ones(expert_num, out_size))
        self.beta = nn.Parameter(torch.zeros(expert_num, out_size))

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        """``(B, H) -> (B, N, E)``."""
        z = self.linear(h).unflatten(1, (self.expert_num, -1))
        return torch.relu(self.norm(z) * self.gamma + self.beta)


def fusion_weight(config, key: str) -> nn.Parameter:
    """The logit of the fusion weight that starts at ``config[key]`` and stays between 0 and 1.

    Raises:
        ValueError: It does not start there.
    """
    if not 0 < config[key] < 1:
        raise ValueError(f"{key}: {config[key]} is not between 0 and 1")
    return nn.Parameter(torch.tensor(float(config[key])).logit())


@register_backbone
class M3oE(MultiScenarioRecommender):
    r"""Multi-domain multi-task mixture of experts, with one task.

    .. math::
        h &= W_c((W_s \otimes W) x + b_s + b) + b_c + f_{DA}(x) \\
        \bar h &= \sum_e \mathrm{gate}_s(h)_e f_e(h)
            + \alpha_d \Big(\beta_d f^s(h) + \frac{1 - \beta_d}{S - 1}
              \sum_{\tilde s \ne s} f^{\tilde s}(h)\Big) + \alpha_t f^t(h) \\
        \mathrm{logit} &= \mathrm{tower}_s(\bar h)

    (equations 1 to 8). The paper mixes the experts of all scenarios into every row, and so does
    this; the first layer, the gate and the tower are those of the row's scenario only. Adapted:
    with one task there is one task expert and no :math:`\beta_t`; the fusion weights are trained
    with everything else, not in turns on batches of their own (section 2.6.1).

    Raises:
        ValueError: A fusion weight does not start between 0 and 1.
    """

    def __init__(self, config, dataset) -> None:
        super().__init__(config, dataset)

        # load parameters info
        self.domain_hidden_size = config["domain_hidden_size"]
        self.mlp_hidden_size = config["mlp_hidden_size"]
        self.expert_num = config["expert_num"]
        self.expert_size = config["expert_size"]
        self.tower_hidden_size = config["tower_hidden_size"]
        self.dropout_prob = config["dropout_prob"]

        # define layers and loss
        size = self.mlp_hidden_size[-1]
        self.domain_layer = StarLinear(self.n_scenarios, self.input_size, self.domain_hidden_size)
        self.align = nn.Linear(self.domain_hidden_size, size)  # W_c
        self.agnostic = mlp([self.input_size, *self.mlp_hidden_size], self.dropout_prob)  # f_DA
        self.shared_experts = NormalizedExperts(self.expert_num, size, self.expert_size)
        self.scenario_experts = NormalizedExperts(self.n_scenarios, size, self.expert_size)
        self.task_expert = NormalizedExperts(1, size, self.expert_size)
        self.gates = PerScenario(nn.Linear(size, self.expert_num) for _ in range(self.n_scenarios))
        self.towers = PerScenario(
            Tower(self.expert_size, self.tower_hidden_size, self.dropout_prob)
            for _ in range(self.n_scenarios)
        )
        self.alpha_d = fusion_weight(config, "alpha_scenario")
        self.alpha_t = fusion_weight(config, "alpha_task")
        if self.n_scenarios > 1:  # one scenario has no others to be balanced with
            self.beta_d = fusion_weight(config, "beta_scenario")

        # parameters initialization
        self.apply(init_weights)

    def scenario_shares(self) -> torch.Tensor:
        """Weight of every scenario's expert (columns) in a scenario (rows), ``(S, S)``."""
        S = self.n_scenarios
        own = torch.eye(S, device=self.alpha_d.device, dtype=self.alpha_d.dtype)
        if S == 1:
            return own
        beta = torch.sigmoid(self.beta_d)
        return beta * own + (1 - beta) / (S - 1) * (1 - own)

    def score(self, x: torch.Tensor, scenario: torch.Tensor) -> torch.Tensor:
        """Logits, shape ``(B,)``."""
        groups = ScenarioGroups(scenario, self.n_scenarios)
        own = groups.merge(self.domain_layer(groups.split(x)))
        h = self.align(own) + self.agnostic(x)  # (B, H)

        shared = mix(self.shared_experts(h), self.gates(h, groups))  # (B, E)
        shares = self.scenario_shares()[scenario]  # (B, S)
        domain = torch.einsum("bs,bse->be", shares, self.scenario_experts(h))
        task = self.task_expert(h).squeeze(1)
        alpha_d, alpha_t = torch.sigmoid(self.alpha_d), torch.sigmoid(self.alpha_t)
        return self.towers(shared + alpha_d * domain + alpha_t * task, groups)
