"""RecBole's Dataset with a scenario field, cached, with exact times and the training history."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import torch
from recbole.data.interaction import Interaction
from recbole.utils import FeatureSource, FeatureType

from recbole_llm4msr.data.cache import DatasetCache
from recbole_llm4msr.data.encoded import EncodedDataset
from recbole_llm4msr.data.history import EXACT_TIME, TrainingHistory, history_of
from recbole_llm4msr.data.knowledge_vectors import KnowledgeVectors
from recbole_llm4msr.data.labels import check_labels
from recbole_llm4msr.data.normalisation import fields_to_normalise, normalise
from recbole_llm4msr.data.scenario import ScenarioError, ScenarioNames, check_rule, derive
from recbole_llm4msr.data.split_checks import check_splits
from recbole_llm4msr.data.vocabulary import TokenIds


class MultiScenarioDataset(EncodedDataset):
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
    #: Smallest and largest training value of the interactions' fields that :meth:`build` scaled.
    normalised_ranges: dict[str, tuple[float, float]] = {}  # noqa: RUF012  (replaced, not changed)
    _times: torch.Tensor | None = None

    #: Names and descriptions of the scenarios.
    names = ScenarioNames({}, {})

    def _from_scratch(self) -> None:
        """Read and process RecBole's way, or from the cache, and check the labels in both cases."""
        self._read_or_restore()
        check_labels(self)
        if self.row_changes.entries:
            self.logger.info(
                "Changed between the files and the tensors:\n%s", self.row_changes.table()
            )

    def _read_or_restore(self) -> None:
        """Read the cache of an earlier run, else read and process RecBole's way and write it."""
        if not self.config["dataset_cache"]:
            super()._from_scratch()
            return
        cache = DatasetCache(self.config)
        self._get_preset()
        self._get_field_from_config()
        if cache.restore(self):
            self.logger.info(f"The processed data set is read from {cache.folder}")
            return
        super()._from_scratch()
        cache.store(self)

    def _get_field_from_config(self) -> None:
        super()._get_field_from_config()
        self.scenario_field: str | None = self.config["SCENARIO_FIELD"]
        if self.scenario_field is not None and self.config["scenario_from"]:
            check_rule(self.config["scenario_from"])

    # -- reading the scenarios ---------------------------------------------------------------------

    def _load_data(self, token: str, dataset_path: str) -> None:
        super()._load_data(token, dataset_path)
        if self.scenario_field is None:
            return
        rule = self.config["scenario_from"]
        if rule:
            self._derive_scenario(rule)
        if self.field2source.get(self.scenario_field) != FeatureSource.INTERACTION:
            raise ScenarioError(
                f"SCENARIO_FIELD: the interactions of {token} have no field "
                f"{self.scenario_field!r}; loaded are {', '.join(self.inter_feat)}. Name the field "
                "that holds the scenario, read it (load_col: null reads all columns of a file), "
                "or derive it by scenario_from."
            )
        if self.field2type[self.scenario_field] != FeatureType.TOKEN:
            raise ScenarioError(
                f"SCENARIO_FIELD: {self.scenario_field!r} is a field of type "
                f"{self.field2type[self.scenario_field].value}; a scenario is a token. Derive one "
                "from it by bins (scenario_from)."
            )
        path = Path(dataset_path) / f"{token}.scenario"
        separator = self.config["field_separator"]
        self.names = (
            ScenarioNames.from_rule(rule)
            if rule
            else ScenarioNames.read(path, self.scenario_field, separator, self.config["encoding"])
        )
        empty = int(self.inter_feat[self.scenario_field].isna().sum())
        if empty:
            raise ScenarioError(
                f"{token}: {empty} interactions have no scenario (field {self.scenario_field})"
            )

    def _derive_scenario(self, rule: dict) -> None:
        """Add a scenario field, derived from a field of the interactions, users or items."""
        field = rule["field"]
        if self.scenario_field in self.field2source:
            raise ScenarioError(
                f"scenario_from would overwrite the field {self.scenario_field!r} that "
                "SCENARIO_FIELD names. To use that field, set scenario_from to null "
                "(--scenario_from=None); to derive scenarios, give SCENARIO_FIELD a new name."
            )
        if field not in self.field2source:
            raise ScenarioError(f"scenario_from: the field {field!r} is not loaded; see load_col")
        source = self.field2source[field]
        key = {FeatureSource.USER: self.uid_field, FeatureSource.ITEM: self.iid_field}.get(source)
        if key is None:
            values = self.inter_feat[field]
        else:
            if self.benchmark_filename_list is None:
                # Rows that RecBole would drop later have no value to derive a scenario from.
                self._filter_inter_by_user_or_item()
            side = self.user_feat if key == self.uid_field else self.item_feat
            lost = self.inter_feat[key][~self.inter_feat[key].isin(side[key])].unique()
            if len(lost):
                raise ScenarioError(
                    f"scenario_from: {len(lost)} values of {key} have no row in the "
                    f".{source.value} file, where {field} is: {', '.join(map(str, lost[:5]))}. Add "
                    "them, or set filter_inter_by_user_or_item to drop their interactions."
                )
            values = self.inter_feat[key].map(side.set_index(key)[field])
        self.inter_feat[self.scenario_field] = pd.Categorical(derive(values.astype(object), rule))
        self.set_field_property(
            self.scenario_field, FeatureType.TOKEN, FeatureSource.INTERACTION, 1
        )

    def _stays_text(self, field: str) -> bool:
        rule = self.config["scenario_from"] or {}
        return super()._stays_text(field) or field == rule.get("field")

    def _normalize(self) -> None:
        """Leave the fields as they are: :meth:`build` scales them, by the training rows' range."""

    def _remap_ID_all(self) -> None:  # noqa: N802  (RecBole's name)
        super()._remap_ID_all()
        if self.scenario_field is not None:
            self._sort_scenario_ids()

    def _sort_scenario_ids(self) -> None:
        """Replace ids in order of appearance by ids in order of the raw tokens."""
        tokens = self.field2id_token[self.scenario_field]
        if "mean" in tokens:
            raise ScenarioError(
                f"{self.scenario_field}: a scenario cannot be called 'mean', as results call the "
                "mean over the scenarios; give it another token"
            )
        order = np.argsort(tokens[1:].astype(str), kind="stable") + 1
        new_id = np.zeros(len(tokens), dtype=np.int64)
        new_id[order] = np.arange(1, len(tokens))
        self.inter_feat[self.scenario_field] = new_id[self.inter_feat[self.scenario_field]]
        self.field2id_token[self.scenario_field] = tokens[np.concatenate([[0], order])]
        self.field2token_id[self.scenario_field] = TokenIds(
            self.field2id_token[self.scenario_field]
        )

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
        normalise(splits, fields_to_normalise(self))
        check_splits(splits, EXACT_TIME)
        return splits

    def sort(self, by: str | list[str], ascending: bool | list[bool] = True) -> None:
        """RecBole's order of the rows; by the exact times where it asks for the rounded ones."""
        exact = by == self.time_field and EXACT_TIME in self.inter_feat
        super().sort(EXACT_TIME if exact else by, ascending)

    # -- scenario names ----------------------------------------------------------------------------

    @property
    def scenario_tokens(self) -> list[str]:
        """Raw tokens of the scenarios in id order, without padding; empty without scenarios."""
        if self.scenario_field is None:
            return []
        return [str(token) for token in self.field2id_token[self.scenario_field][1:]]

    @property
    def scenario_num(self) -> int:
        """Number of scenarios, without padding."""
        return len(self.scenario_tokens)

    @property
    def scenario_names(self) -> list[str]:
        """Display names of the scenarios in id order; the raw token where there is none."""
        return [self.names.names.get(token, token) for token in self.scenario_tokens]

    @property
    def scenario_descriptions(self) -> list[str]:
        """A sentence on every scenario, in id order, empty where there is none."""
        return [self.names.descriptions.get(token, "") for token in self.scenario_tokens]

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
