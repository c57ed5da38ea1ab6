"""A trained model as one function of tensors that can be traced: fields in, a probability out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager

import torch
from torch import nn

from recbole_llm4msr.model import LLM4MSR, MultiScenarioRecommender
from recbole_llm4msr.model.layers.groups import ScenarioGroups
from recbole_llm4msr.model.layers.traced_groups import traceable_routing
from recbole_llm4msr.model.llm4msr.traced import RowScorer, layout_of
from recbole_llm4msr.serving.fields import Field

#: Input with what was generated for the users of the rows.
USER_LAYER = "user_layer"
OUTPUT = "score"


class ScoringGraph(nn.Module):
    """Click probabilities of rows, whose ids are guarded.

    An id out of range is replaced by the field's id for unknown tokens; in a sequence it is left
    out. A scenario out of range has no score: NaN.

    Args:
        model: The model in evaluation mode, its tables as :func:`.tables.renumber` leaves them.
        fields: The fields that the model reads.
        scenario_field: Name of the scenario field, ``None`` for a model without scenarios.
        scenario: The scenario ``0 .. S - 1`` of all rows, which is then not an input; ``None``
            where rows differ.
        one_user: Whether all rows are of one user, for a model with user layers.
    """

    def __init__(
        self,
        model: nn.Module,
        fields: Sequence[Field],
        scenario_field: str | None,
        scenario: int | None = None,
        one_user: bool = False,
    ) -> None:
        super().__init__()
        self.scenario_field, self.scenario = scenario_field, scenario
        self.fields = [f for f in fields if scenario is None or f.name != scenario_field]
        self.all_fields = {field.name: field for field in fields}
        self.layout: dict[str, int] = {}
        self.rows: RowScorer | None = None
        if isinstance(model, LLM4MSR):
            self.item_field = model.ITEM_ID
            self.layout = layout_of(model)
            self.rows, self.model = RowScorer(model, one_user), model.backbone
        else:
            self.model = model
        self.one_user = one_user
        self.eval()

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs, in order."""
        return [*([USER_LAYER] if self.layout else []), *(field.name for field in self.fields)]

    @property
    def output_names(self) -> list[str]:
        """Name of the one output."""
        return [OUTPUT]

    def example(self, n_rows: int = 3) -> tuple[torch.Tensor, ...]:
        """Inputs of the right shapes, of ids that exist."""
        inputs = []
        if self.layout:
            width = sum(self.layout.values())
            inputs.append(torch.zeros(1 if self.one_user else n_rows, width))
        for field in self.fields:
            if field.kind == "float":
                inputs.append(torch.zeros(n_rows))
            elif field.kind == "token":
                inputs.append(torch.ones(n_rows, dtype=torch.int64))
            else:
                inputs.append(torch.ones(n_rows, field.length, dtype=torch.int64))
        return tuple(inputs)

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Probabilities, shape ``(B,)``; the inputs are those of :attr:`input_names`."""
        given = dict(zip(self.input_names, inputs, strict=True))
        numbers = given.pop(USER_LAYER, None)
        n_rows = given[self.fields[0].name].shape[0]
        row = {field.name: _guarded(field, given[field.name]) for field in self.fields}
        if self.scenario is not None:
            row[self.scenario_field] = torch.full((n_rows,), self.scenario + 1)
        with traceable_routing(self.scenario):
            score = torch.sigmoid(self._logit(row, numbers))
        if self.scenario is not None or self.scenario_field is None:
            return score
        ids = given[self.scenario_field]
        exists = (ids >= 1) & (ids < self.all_fields[self.scenario_field].n_ids)
        return torch.where(exists, score, torch.full_like(score, float("nan")))

    def _logit(self, row: dict[str, torch.Tensor], numbers: torch.Tensor | None) -> torch.Tensor:
        model = self.model
        if not isinstance(model, MultiScenarioRecommender):  # one of RecBole's own
            with _logits_of_recbole(model):
                return model.predict(_Row(row))
        x = model.embed(_Row(row))
        scenario = (row[self.scenario_field] - 1).clamp(0, model.n_scenarios - 1)
        if self.rows is None:
            return model.score(x, scenario)
        groups = ScenarioGroups(scenario, model.n_scenarios)
        return self.rows(x, scenario, groups, numbers, row.get(self.item_field))


class _Row(dict):
    """Columns by name, in the place of RecBole's ``Interaction``."""


@contextmanager
def _logits_of_recbole(model: nn.Module):
    """Take the sigmoid off the prediction of one of RecBole's models, as the graph has its own."""
    kept = model._modules.get("sigmoid")
    if kept is None:
        raise ValueError(f"{type(model).__name__} has no sigmoid at its end")
    model.sigmoid = nn.Identity()
    try:
        yield
    finally:
        model.sigmoid = kept


def _guarded(field: Field, values: torch.Tensor) -> torch.Tensor:
    """Replace ids out of range; a float becomes RecBole's pair of value and bucket, (B, 2)."""
    if field.kind == "float":
        return torch.stack([values, torch.ones_like(values)], dim=1)
    instead = 0 if field.kind == "token_seq" else field.n_ids
    exists = (values >= 0) & (values < field.n_ids)
    return torch.where(exists, values, torch.full_like(values, instead))
