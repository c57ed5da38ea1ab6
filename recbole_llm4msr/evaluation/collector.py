"""Collection of scores with labels, users and scenarios during evaluation."""

from __future__ import annotations

import torch
from recbole.data.interaction import Interaction
from recbole.evaluator.collector import Collector, DataStruct

from recbole_llm4msr.util.collectives import gather_split


class ScenarioCollector(Collector):
    """RecBole's collector for labelled rows, with users, items and scenarios.

    Batches are concatenated once, at the end: RecBole concatenates after every batch, which takes
    time quadratic in the number of rows.

    Args:
        config: Configuration; reads the field names.
    """

    def __init__(self, config) -> None:
        super().__init__(config)
        self._fields = {
            "data.label": config["LABEL_FIELD"],
            "data.user": config["USER_ID_FIELD"],
            "data.item": config["ITEM_ID_FIELD"],
            "data.scenario": config["SCENARIO_FIELD"],
        }
        self._batches: dict[str, list[torch.Tensor]] = {}
        #: Rows of the whole split if each process has a part of it, else ``None``.
        self.total_rows: int | None = None

    @property
    def keys(self) -> list[str]:
        """Names of the collected columns; those of fields that the data lacks are not collected."""
        return ["rec.score", *self._fields]

    def eval_batch_collect(
        self,
        scores_tensor: torch.Tensor,
        interaction: Interaction,
        positive_u: torch.Tensor | None,
        positive_i: torch.Tensor | None,
    ) -> None:
        """Add one batch: scores of shape ``(B,)`` and the rows they belong to."""
        self._append("rec.score", scores_tensor.float())
        for key, field in self._fields.items():
            if field in interaction.interaction:
                self._append(key, interaction[field])

    def _append(self, key: str, values: torch.Tensor) -> None:
        self._batches.setdefault(key, []).append(values.detach())

    def get_data_struct(self) -> DataStruct:
        """Return what was collected since the last call, each column as one tensor on the CPU.

        In a distributed run every process gets the rows of all processes, in the split's order.
        """
        struct = DataStruct()
        for key, batches in self._batches.items():
            rows = torch.cat([batch.reshape(-1) for batch in batches])
            if self.total_rows is not None:
                rows = gather_split(rows, self.total_rows)
            struct.set(key, rows.cpu())
        self._batches = {}
        return struct
