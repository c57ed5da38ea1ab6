"""Binary cross entropy with an optional weight per scenario (``scenario_loss_weight``)."""

from __future__ import annotations

import difflib
import math

import torch
import torch.nn.functional as F
from torch import nn


def scenario_weights(given: str | dict | None, tokens: list[str], rows: torch.Tensor):
    r"""Loss weights by scenario from the setting ``scenario_loss_weight``.

    ``balanced`` makes the expected loss the mean of the scenarios' losses:
    :math:`w_s = N / (S N_s)`, a mean weight of 1 over the training rows.

    Args:
        given: ``None``, ``balanced`` or ``{raw token: weight}``; other tokens have weight 1.
        tokens: Raw tokens of the S scenarios in id order.
        rows: Training rows of each scenario, shape ``(S,)``.

    Returns:
        Weights of shape ``(S,)``, or ``None`` where ``given`` is.

    Raises:
        ValueError: The setting is not valid; the message names the wrong part.
    """
    if given is None:
        return None
    if given == "balanced":
        # The weight of a scenario without a training row is never used.
        return rows.sum() / ((rows > 0).sum() * rows.clamp(min=1)).float()
    if not isinstance(given, dict):
        raise ValueError(
            f"scenario_loss_weight: {given!r} is not `balanced` or {{scenario: weight}}"
        )
    weights = {str(token): weight for token, weight in given.items()}
    for token, weight in weights.items():
        if token not in tokens:
            near = difflib.get_close_matches(token, tokens, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(
                f"scenario_loss_weight: there is no scenario {token!r} "
                f"among {', '.join(tokens)}{hint}"
            )
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise ValueError(f"scenario_loss_weight: {token}: {weight!r} is not a number")
        if not (math.isfinite(weight) and weight >= 0):
            raise ValueError(f"scenario_loss_weight: {token}: {weight} is below 0 or not finite")
    return torch.tensor([float(weights.get(token, 1.0)) for token in tokens])


class ScenarioLoss(nn.Module):
    r"""Mean binary cross entropy on logits, rows weighted by their scenario.

    .. math:: \frac{1}{B} \sum_i w_{s_i}\, \mathrm{BCE}(\sigma(\mathrm{logit}_i), y_i)

    Without weights it is the plain mean. The weights are computed from the training split and not
    saved in a checkpoint.

    Args:
        config: Configuration; reads ``scenario_loss_weight``.
        dataset: The training split.

    Raises:
        ValueError: The setting does not fit the scenarios.
    """

    def __init__(self, config, dataset) -> None:
        super().__init__()
        weight = None
        if config["scenario_loss_weight"] is not None:
            scenario = dataset.inter_feat[config["SCENARIO_FIELD"]] - 1
            rows = torch.bincount(torch.as_tensor(scenario), minlength=dataset.scenario_num)
            weight = scenario_weights(config["scenario_loss_weight"], dataset.scenario_tokens, rows)
        self.register_buffer("weight", weight, persistent=False)

    def forward(
        self, logit: torch.Tensor, label: torch.Tensor, scenario: torch.Tensor
    ) -> torch.Tensor:
        """Loss of logits (B,) with labels (B,), of rows of ``scenario`` (B,); a scalar."""
        if self.weight is None:
            return F.binary_cross_entropy_with_logits(logit, label)
        return F.binary_cross_entropy_with_logits(logit, label, weight=self.weight[scenario])
