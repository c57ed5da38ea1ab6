"""RecBole's Dataset with a scenario field, cached, with exact times and the training history."""

from __future__ import annotations

import numpy as np
import polars as pl
import torch
from recbole.data.interaction import Interaction

from recbole_llm4msr.data.cache import DatasetCache
from recbole_llm4msr.data.history import EXACT_TIME, TrainingHistory, history_of
from recbole_llm4msr.data.knowledge_protocol import KnowledgeVectors
from recbole_llm4msr.data.label_checks import check_labels
from recbole_llm4msr.data.normalisation import fields_to_normalise, normalise
from recbole_llm4msr.data.setting_changes import setting_changes
from recbole_llm4msr.data.split_checks import check_splits
from recbole_llm4msr.data.trained_dataset import TrainedDataset


class MultiScenarioDataset(TrainedDataset):
    """A RecBole data set in which every interaction belongs to a scenario.

    The scenario is a token field, ``SCENARIO_FIELD``, of the ``.inter`` file, or is derived from
    another field by ``scenario_from``. Its ids are those of the raw tokens in sorted order, from 1
    on, the same in every run. An optional ``<name>.scenario`` file gives names and descriptions.

    Attributes:
        scenario_field: Name of the scenario field, ``None`` for a data set without scenarios.
        knowledge: Vectors for the training split, which :meth:`set_knowledge` puts here and a
            model made on the split reads; ``None`` for the other splits and without knowledge.

    Raises:
        ScenarioError: There is no scenario field, or a row without a scenario.
        ValueError: A file cannot be read; see :class:`EncodedDataset`.
    """

    knowledge: KnowledgeVectors | None = None
    _times: torch.Tensor | None = None

    def _from_scratch(self) -> None:
        """Read and process RecBole's way, or from the cache, and check the labels in both cases."""
        self._read_or_restore()
        check_labels(self)
        self.warn_of_unknown_tokens()
        for change in setting_changes(self):
            self.row_changes.add(*change)
        if self.row_changes.entries:
            self.logger.info(
                "Changed between the files and the tensors:\n%s", self.row_changes.table()
            )

    def _read_or_restore(self) -> None:
        """Read the cache of an earlier run, else read and process RecBole's way and write it."""
        if not self.config["dataset_cache"]:
            super()._from_scratch()
            return
        self._get_preset()
        self._get_field_from_config()
        cache = DatasetCache(self.config, self.trained)
        folder = cache.restore(self)
        if folder is not None:
            self.logger.info(f"The processed data set is read from {folder}")
            return
        super()._from_scratch()
        cache.store(self)

    def _normalize(self) -> None:
        """Leave the fields as they are: :meth:`build` scales them, by the training rows' range."""

    def _change_feat_format(self) -> None:
        """Convert to RecBole's tensors and keep the times in full precision."""
        timed = self.time_field in self.inter_feat
        times = self.inter_feat[self.time_field].to_numpy(np.float64, copy=True) if timed else None
        super()._change_feat_format()
        if times is not None:
            self.inter_feat.update(Interaction({EXACT_TIME: torch.from_numpy(times)}))

    def build(self) -> list[MultiScenarioDataset]:
        """Make RecBole's splits.

        Raises:
            ValueError: The splits need a time field, and there is none.
        """
        ordered = self.config["eval_args"]["order"] == "TO" and not self.benchmark_filename_list
        if ordered and self.time_field not in self.inter_feat:
            raise ValueError(
                f"eval_args: order: TO sorts by TIME_FIELD, and the interactions have no field "
                f"{self.time_field!r}; loaded are {', '.join(self.inter_feat)}. Name it, read it "
                "(load_col), or split at random (order: RO)."
            )
        splits = super().build()
        given = self.number_rules.ranges if self.trained is not None else None
        self.number_rules.ranges = normalise(splits, fields_to_normalise(self), given)
        check_splits(splits, EXACT_TIME)
        return splits

    def sort(self, by: str | list[str], ascending: bool | list[bool] = True) -> None:
        """RecBole's order of the rows; by the exact times where it asks for the rounded ones."""
        exact = by == self.time_field and EXACT_TIME in self.inter_feat
        super().sort(EXACT_TIME if exact else by, ascending)

    # -- knowledge -------------------------------------------------------------------------------

    def set_knowledge(self, knowledge: KnowledgeVectors | None) -> None:
        """Set the knowledge that a model made on this split reads (``Model(config, dataset)``)."""
        self.knowledge = knowledge

    def raw_tokens(self, field: str, ids: np.ndarray) -> pl.Series:
        """Raw tokens of the ids of a field, as a column of strings; null for the padding id."""
        tokens = self.field2id_token[field].astype(object)
        return pl.Series(field, [None, *map(str, tokens[1:])], dtype=pl.String).gather(ids)

    @property
    def exact_times(self) -> torch.Tensor | None:
        """Times of a split's rows in float64, not rounded; ``None`` without a time field."""
        return self.inter_feat.interaction.get(EXACT_TIME, self._times)

    def exclude_exact_times_from_batches(self) -> None:
        """Move the exact times out of the columns that become batches."""
        self._times = self.inter_feat.interaction.pop(EXACT_TIME, None)

    def training_history(self) -> TrainingHistory:
        """This split in raw tokens, for prompts. Call it on the training split."""
        return history_of(self)
