"""LLM4MSR in two parts: what is generated once per user, and what is computed per row.

Together they compute what :class:`LLM4MSR` does; used only where a trained model is exported.
"""

from __future__ import annotations

import torch
from torch import nn

from recbole_llm4msr.model.llm4msr.generated_weight import DiagonalWeight, FullWeight, LowRankWeight
from recbole_llm4msr.model.llm4msr.model import LLM4MSR
from recbole_llm4msr.model.llm4msr.user_meta import UserMetaLayer


class UserGenerator(nn.Module):
    """The numbers that a user's knowledge generates: ``(U, d) -> (U, n)``.

    Their order: the code, where weights are full ones; of every user-level layer the weight and the
    bias; the matrix and the bias of the item level. A full weight is represented by the code, as
    its D x D numbers per user would be larger than any table of the model.

    Args:
        model: A model with a user level or an item level.
    """

    def __init__(self, model: LLM4MSR) -> None:
        super().__init__()
        self.user_meta, self.item_meta = model.user_meta, model.item_meta
        self.layout = layout_of(model)

    def forward(self, knowledge: torch.Tensor) -> torch.Tensor:
        """``(U, d) -> (U, n)``."""
        parts = []
        if self.user_meta is not None:
            code = self.user_meta.encoder(knowledge)
            if _has_full_weight(self.user_meta.layers[0]):
                parts.append(code)
            for layer in self.user_meta.layers:
                if isinstance(layer.weight, LowRankWeight):
                    parts.append(layer.weight.core(code))
                elif isinstance(layer.weight, DiagonalWeight):
                    parts.append(layer.weight.scale(code))
                parts.append(layer.bias(code))
        if self.item_meta is not None:
            code = self.item_meta.user_encoder(knowledge)
            parts += [self.item_meta.core(code), self.item_meta.bias(code)]
        return torch.cat(parts, dim=1)


def layout_of(model: LLM4MSR) -> dict[str, int]:
    """Names and widths of what :class:`UserGenerator` returns, in order."""
    layout: dict[str, int] = {}
    if model.user_meta is not None:
        if _has_full_weight(model.user_meta.layers[0]):
            layout["code"] = model.user_meta.layers[0].bias.in_features
        for n, layer in enumerate(model.user_meta.layers):
            if isinstance(layer.weight, LowRankWeight):
                layout[f"weight_{n}"] = layer.weight.core.out_features
            elif isinstance(layer.weight, DiagonalWeight):
                layout[f"weight_{n}"] = layer.weight.scale.out_features
            layout[f"bias_{n}"] = layer.bias.out_features
    if model.item_meta is not None:
        layout["item_weight"] = model.item_meta.core.out_features
        layout["item_bias"] = model.item_meta.bias.out_features
    return layout


class RowScorer(nn.Module):
    """Logits of embedded rows, given what was generated for their users.

    Call it inside :func:`~recbole_llm4msr.model.layers.traced_groups.traceable_routing`.

    Args:
        model: The model, in evaluation mode.
        one_user: Whether all rows are of one user: its layer is then multiplied as one matrix.
    """

    def __init__(self, model: LLM4MSR, one_user: bool) -> None:
        super().__init__()
        self.backbone, self.one_user = model.backbone, one_user
        self.user_meta, self.item_meta = model.user_meta, model.item_meta
        self.scenario_meta = model.scenario_meta
        self.layout = layout_of(model)
        with torch.no_grad():
            if self.scenario_meta is not None:
                code = self.scenario_meta.encoder(model.knowledge.scenario)
                self.register_buffer("towers", self.scenario_meta.generate(code))  # (S, numbers)
            if self.item_meta is not None:
                codes = self.item_meta.item_encoder(model.knowledge.item)
                self.register_buffer("item_codes", codes)  # (n_items, r)

    def forward(
        self,
        x: torch.Tensor,
        scenario: torch.Tensor,
        groups,
        numbers: torch.Tensor | None,
        item: torch.Tensor | None,
    ) -> torch.Tensor:
        """Logits, shape ``(B,)``.

        Args:
            x: Embedded rows, shape ``(B, D)``.
            scenario: Scenario of every row in ``0 .. S - 1``, shape ``(B,)``.
            groups: :class:`ScenarioGroups` of ``scenario``.
            numbers: What was generated per row ``(B, n)``, or for the one user, ``(1, n)``.
            item: Row of ``item_codes`` of every row, shape ``(B,)``.
        """
        generated = {}
        if self.layout:
            parts = numbers.split(list(self.layout.values()), dim=1)
            generated = dict(zip(self.layout, parts, strict=True))
        if self.user_meta is not None:
            for n, layer in enumerate(self.user_meta.layers):
                weight = generated.get("code", generated.get(f"weight_{n}"))
                change = self._product(layer, x, weight) + generated[f"bias_{n}"]
                x = x + torch.tanh(change)
        logit = self.backbone.score(x, scenario)
        if self.scenario_meta is not None:
            rows = zip(groups.split(x), self.towers.unbind(), strict=True)
            logit = logit + groups.merge(self.scenario_meta._tower(*pair) for pair in rows)
        if self.item_meta is not None:
            v = self.item_codes[item]  # (B, r)
            h = self._times(generated["item_weight"], v) + generated["item_bias"]
            logit = logit + self.item_meta.logit(nn.functional.silu(h)).squeeze(-1)
        return logit

    def _product(self, layer: UserMetaLayer, x: torch.Tensor, numbers: torch.Tensor):
        """:math:`W x` of every row from what was generated, ``(B, D)``."""
        weight = layer.weight
        if isinstance(weight, LowRankWeight):
            return weight.up(self._times(numbers, weight.down(x)))
        if isinstance(weight, DiagonalWeight):
            return numbers * x
        code = torch.cat([numbers, numbers.new_ones(numbers.shape[0], 1)], dim=1)  # (U, K + 1)
        basis = weight.basis.view(weight.size, -1, weight.size)  # (D, K + 1, D)
        if self.one_user:
            return x @ torch.einsum("k,ikj->ij", code[0], basis)
        products = (x @ weight.basis).view(-1, basis.shape[1], weight.size)  # (B, K + 1, D)
        return torch.einsum("bk,bkd->bd", code, products)

    def _times(self, numbers: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Multiply by generated matrices, ``(U, r * r), (B, r) -> (B, r)``."""
        r = x.shape[1]
        if self.one_user:
            return x @ numbers.view(r, r).T
        return (numbers.view(-1, r, r) @ x.unsqueeze(2)).squeeze(2)


def _has_full_weight(layer: UserMetaLayer) -> bool:
    return isinstance(layer.weight, FullWeight)
