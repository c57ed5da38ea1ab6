"""RecBole's Dataset with the ids and numbers that a checkpoint's model was trained with."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from recbole.utils import FeatureType

from recbole_llm4msr.data.numbers import NumberRules
from recbole_llm4msr.data.scenario import ScenarioError
from recbole_llm4msr.data.scenario_dataset import ScenarioDataset
from recbole_llm4msr.data.vocabulary_state import VocabularyState, decode


class TrainedDataset(ScenarioDataset):
    """A data set that takes over vocabularies and ranges where its configuration carries some.

    The configuration of a checkpoint does, in ``trained_data``
    (:mod:`recbole_llm4msr.data.vocabulary_state`). Every raw token then has the id of the training
    run. One that training has not seen gets the id 0, RecBole's id of a missing value, and a row of
    the ``.user`` or ``.item`` file with such a key is not read. Missing numbers are filled, numbers
    put into buckets and normalised as in training.

    Attributes:
        trained: The vocabularies and ranges of the training run, ``None`` where this is one.
        number_rules: How numbers have been filled, put into buckets and normalised.
        unknown_tokens: Distinct tokens, and rows with one, that training has not seen, by field.
        unread_rows: Rows of each side file (``user``, ``item``) that are not read, as training has
            not seen their key.

    Raises:
        ScenarioError: The data have a scenario that the model was not trained for.
        ValueError: A field of the training run is missing, or there is one more.
    """

    trained: VocabularyState | None = None

    def _get_preset(self) -> None:
        super()._get_preset()
        self.number_rules = NumberRules()
        self.unknown_tokens: dict[str, list[int]] = {}
        self.unread_rows: dict[str, int] = {}
        state = getattr(self.config, "trained_data", None)
        if state is not None:
            self.trained = self.trained or decode(state)
            self.number_rules = self.trained.numbers

    def _data_processing(self) -> None:
        super()._data_processing()
        if self.trained is not None:
            self._check_fields(self.trained)
            self.field2seqlen.update(
                {f: n for f, n in self.trained.lengths.items() if f in self.field2seqlen}
            )

    def _check_fields(self, trained: VocabularyState) -> None:
        """Compare the fields and their types with those of the training run."""
        own = {field: kind.value for field, kind in self.field2type.items()}
        for fields in (self.config["unused_col"] or {}).values():
            own = {field: kind for field, kind in own.items() if field not in fields}
        # Fields that are made of knowledge come with the splits.
        wanted = {f: k for f, k in trained.types.items() if not f.startswith("knowledge_")}
        differing = [
            f"{field} ({own.get(field, 'missing')} here, {wanted.get(field, 'missing')} there)"
            for field in {**wanted, **own}
            if own.get(field) != wanted.get(field)
        ]
        if differing:
            raise ValueError(
                f"{self.dataset_name}: the fields are not those of the checkpoint's training data: "
                f"{', '.join(differing)}. Give the files these columns, and name them in load_col."
            )

    # -- ids ---------------------------------------------------------------------------------------

    def _remap_ID_all(self) -> None:  # noqa: N802  (RecBole's name)
        super()._remap_ID_all()
        if self.trained is None:
            return
        places: dict[int, np.ndarray] = {}
        for field, tokens in self.field2id_token.items():
            if field not in self.trained.tokens:
                continue  # refused with all other fields later
            if id(tokens) not in places:
                place = self.trained.ids_of(field, tokens)
                place[1:][place[1:] == 0] = -1
                places[id(tokens)] = place
            self._renumber(field, tokens, places[id(tokens)])
        self.field2id_token.update(
            {f: self.trained.tokens[f] for f in self.field2id_token if f in self.trained.tokens}
        )
        self.field2token_id.update(
            {f: self.trained.token_ids[f] for f in self.field2token_id if f in self.trained.tokens}
        )
        for name in self.feat_name_list:
            getattr(self, name).reset_index(drop=True, inplace=True)

    def _renumber(self, field: str, tokens: np.ndarray, place: np.ndarray) -> None:
        """Replace the ids of a field by those of training; ``place`` is -1 for unknown tokens."""
        if field == self.scenario_field and (place < 0).any():
            raise ScenarioError(
                f"{self.dataset_name}: the checkpoint's model was trained for the scenarios "
                f"{', '.join(self.trained.scenario_tokens)}, and the data have also "
                f"{', '.join(map(str, tokens[place < 0]))}. Remove these rows, or train again."
            )
        is_key = field in (self.uid_field, self.iid_field)
        for feat in self.field2feats(field):
            column = feat[field]
            if self.field2type[field] == FeatureType.TOKEN_SEQ:
                rows = [place[np.asarray(row, dtype=np.int64)] for row in column]
                unseen = np.array([(row < 0).any() for row in rows], dtype=bool)
                feat[field] = pd.Series([np.maximum(row, 0) for row in rows], index=feat.index)
            else:
                ids = place[column.to_numpy()]
                unseen = ids < 0
                feat[field] = np.maximum(ids, 0)
            if is_key and feat is not self.inter_feat:  # row 0 is that of all unknown keys
                if unseen.any():
                    side = "user" if feat is self.user_feat else "item"
                    self.unread_rows[side] = int(unseen.sum())
                feat.drop(feat.index[unseen], inplace=True)
            elif unseen.any():
                self.unknown_tokens[field] = [int((place < 0).sum()), int(unseen.sum())]

    def warn_of_unknown_tokens(self) -> None:
        """Say in one sentence each how many tokens and rows the model has not been trained for."""
        if self.unknown_tokens:
            counts = ", ".join(
                f"{tokens:,} of {field} in {rows:,} rows"
                for field, (tokens, rows) in self.unknown_tokens.items()
            )
            self.logger.warning(
                "%s: the checkpoint's training data have not had some tokens (%s); their rows are "
                "kept and scored as unknown (id 0)",
                self.dataset_name,
                counts,
            )
        if self.unread_rows:
            files = " and ".join(
                f"{rows:,} rows of {self.dataset_name}.{side}"
                for side, rows in self.unread_rows.items()
            )
            self.logger.warning(
                "%s are not read, as training has not seen their user or item: an unknown one is "
                "scored without features",
                files,
            )

    # -- numbers -----------------------------------------------------------------------------------

    def _columns(self, *kinds: FeatureType) -> Iterator[tuple[pd.DataFrame, str, str]]:
        """Table, field and full name of every column of these types."""
        for name in self.feat_name_list:
            feat = getattr(self, name)
            for field in feat:
                if self.field2type[field] in kinds:
                    yield feat, field, f"{name}.{field}"

    def _fill_value(self, name: str, field: str) -> float:
        """The training run's value for missing numbers; without one, RecBole's, which is kept."""
        column = f"{name}.{field}"
        if self.trained is None:
            self.number_rules.fills[column] = super()._fill_value(name, field)
        return self.number_rules.fills.get(column, 0.0)

    def _discretization(self) -> None:
        rules = self.number_rules
        asked = self.config["discretization"] or {}
        kinds = (FeatureType.FLOAT, FeatureType.FLOAT_SEQ)
        before = {}
        for feat, field, column in self._columns(*kinds):
            if field not in asked or field not in self.config["numerical_features"]:
                continue
            sequence = self.field2type[field] == FeatureType.FLOAT_SEQ
            values = np.concatenate(list(feat[field])) if sequence else feat[field].to_numpy()
            ends = np.cumsum([len(row) for row in feat[field]])[:-1] if sequence else None
            before[column] = (feat, field, np.array(values, dtype=np.float64), ends)
        super()._discretization()
        for column, (feat, field, values, ends) in before.items():
            if self.trained is None:
                rules.learn_buckets(column, values, asked[field])
                continue
            if column not in rules.buckets:
                continue
            buckets = rules.bucketed(column, values)
            self.field2bucketnum[field] = self.trained.sizes[field]
            if ends is None:
                feat[field] = np.stack([np.ones_like(buckets), buckets], axis=-1).tolist()
            else:
                ones = np.split(np.ones_like(buckets), ends)
                feat[field] = list(zip(ones, np.split(buckets, ends), strict=True))
