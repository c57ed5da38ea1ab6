"""RecBole's Dataset with a scenario field, which a file has or a rule derives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from recbole.utils import FeatureSource, FeatureType

from recbole_llm4msr.data.encoded import EncodedDataset
from recbole_llm4msr.data.scenario import ScenarioError, ScenarioNames, check_rule, derive
from recbole_llm4msr.data.vocabulary import TokenIds


class ScenarioDataset(EncodedDataset):
    """A RecBole data set in which every interaction belongs to a scenario.

    The scenario is a token field, ``SCENARIO_FIELD``, of the ``.inter`` file, or is derived from
    another field by ``scenario_from``. Its ids are those of the raw tokens in sorted order, from 1
    on, the same in every run. An optional ``<name>.scenario`` file gives names and descriptions.

    Attributes:
        scenario_field: Name of the scenario field, ``None`` for a data set without scenarios.

    Raises:
        ScenarioError: There is no scenario field, or a row without a scenario.
        ValueError: A file cannot be read; see :class:`EncodedDataset`.
    """

    #: Names and descriptions of the scenarios.
    names = ScenarioNames({}, {})

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
