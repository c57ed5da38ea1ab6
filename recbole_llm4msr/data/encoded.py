"""RecBole's Dataset with token columns encoded while reading, without a Python string per row.

RecBole 1.2.1 keeps the token of every row as a Python string until ids are assigned. Here a token
column becomes integer codes of its distinct texts as it is read. The resulting ids, types and
columns are those of RecBole.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
from recbole.data.dataset import Dataset
from recbole.utils import FeatureSource, FeatureType

from recbole_llm4msr.data.atomic import read_atomic, read_header, separator_hint
from recbole_llm4msr.data.feature_checks import check_numerical_features
from recbole_llm4msr.data.key_checks import drop_empty_keys, warn_of_repeated_keys
from recbole_llm4msr.data.loaded_checks import check_loaded
from recbole_llm4msr.data.row_changes import (
    RowChanges,
    check_side_filter,
    count_filled,
    note_kept_without_side_row,
)
from recbole_llm4msr.data.side_rows import rows_without_side_row
from recbole_llm4msr.data.vocabulary import (
    TokenIds,
    encode,
    has_repeated_values,
    number,
    texts,
)


class EncodedDataset(Dataset):
    """A RecBole data set whose token columns are categorical until they are ids.

    Raises:
        FileNotFoundError: The data set's folder or a file of it is missing.
        AtomicFileError: A file is broken; the message names the line.
        ValueError: ``load_col`` names a column that its file does not have.
    """

    # -- reading ---------------------------------------------------------------------------------

    def _load_data(self, token: str, dataset_path: str) -> None:
        self.row_changes = RowChanges()
        super()._load_data(token, dataset_path)
        check_loaded(self, dataset_path)
        self._unify_key_types()
        if self.benchmark_filename_list:  # no filter of RecBole's is applied
            missing, example = rows_without_side_row(self)
            if missing is not None:
                note_kept_without_side_row(self, np.count_nonzero(missing), example)

    def _unify_key_types(self) -> None:
        """Make user and item columns texts where they are numbers in only one of two files."""
        for key, side in ((self.uid_field, self.user_feat), (self.iid_field, self.item_feat)):
            feats = [
                feat
                for feat in (self.inter_feat, side)
                if feat is not None
                and key in feat
                and isinstance(feat[key].dtype, pd.CategoricalDtype)
            ]
            if len({feat[key].cat.categories.dtype for feat in feats}) > 1:
                for feat in feats:
                    feat[key] = texts(feat[key].array)

    def _discretization(self) -> None:
        check_numerical_features(self)
        super()._discretization()

    def _load_feat(self, filepath: str, source: FeatureSource | str) -> pd.DataFrame | None:
        """RecBole's columns and types, read by polars; see :mod:`recbole_llm4msr.data.atomic`."""
        load_col, unload_col = self._get_load_and_unload_col(source)
        if load_col == set():
            return None
        path, separator = Path(filepath), self.config["field_separator"]
        header = read_header(path, separator, self.config["encoding"])
        key = "load_col" if load_col is not None else "unload_col"
        lost = sorted({*(load_col or ()), *(unload_col or ())} - set(header))
        if lost:
            raise ValueError(
                f"{key}: {path} has no column {', '.join(lost)}; it has {', '.join(header)}"
                + separator_hint(header, self.config["field_separator"])
            )
        fields = [
            field
            for field in header
            if (load_col is None or field in load_col) and field not in (unload_col or ())
        ]
        if not fields:
            self.logger.warning(f"No columns has been loaded from [{source}]")
            return None
        frame = read_atomic(path, fields, separator, self.config["encoding"])
        columns = {}
        for field in fields:  # frees a column once it is encoded
            values = frame.drop_in_place(field)
            columns[field] = self._column(field, header[field], values, source)
        key = {FeatureSource.USER: self.uid_field, FeatureSource.ITEM: self.iid_field}.get(source)
        if has_repeated_values(columns.get(key)):
            frame = read_atomic(path, fields, separator, self.config["encoding"])
            warn_of_repeated_keys(self, frame, key, path)
        return pd.DataFrame(columns, copy=False)

    def _column(
        self, field: str, kind: str, values: pl.Series, source: FeatureSource | str
    ) -> np.ndarray | pd.Categorical | list[np.ndarray]:
        """Convert one column to RecBole's form and record its properties."""
        ftype = FeatureType(kind)
        if source != "link":
            self.field2source[field] = source
            self.field2type[field] = ftype
            if not kind.endswith("seq"):
                self.field2seqlen[field] = 1
            if kind.startswith("float"):
                self.field2bucketnum[field] = 2
        if ftype == FeatureType.FLOAT:
            return values.to_numpy(writable=True)
        if field not in (self.uid_field, self.iid_field):
            self.row_changes.add(
                f"empty cells of {field} read as the padding id", values.null_count()
            )
        if ftype == FeatureType.TOKEN:
            return encode(values, as_numbers=not self._stays_text(field))
        separator = self.config["seq_separator"]
        kept = str if ftype == FeatureType.TOKEN_SEQ else float
        rows = [
            np.array([kept(part) for part in text.split(separator) if part])
            for text in values.fill_null("")
        ]
        longest = max(map(len, rows), default=0)
        limit = (self.config["seq_len"] or {}).get(field, longest)
        self.field2seqlen[field] = min(limit, longest)
        cut = sum(len(row) > limit for row in rows)
        self.row_changes.add(f"sequences of {field} cut to {limit} values (seq_len)", cut)
        return [row[:limit] for row in rows]

    def _stays_text(self, field: str) -> bool:
        """Whether the texts of a token field are read, or joined, before ids are assigned."""
        return bool(self.benchmark_filename_list) or field in (self.config["val_interval"] or ())

    def _load_inter_feat(self, token: str, dataset_path: str) -> None:
        parts = self.benchmark_filename_list
        if parts is not None and (isinstance(parts, str) or len(parts) != 3):
            raise ValueError(
                f"benchmark_filename: {parts!r} has to name three parts, of training, validation "
                "and test rows, as [train, valid, test]"
            )
        super()._load_inter_feat(token, dataset_path)
        # Joining the files of a split given as files undoes the encoding.
        for field, dtype in self.inter_feat.dtypes.items():
            if self.field2type[field] == FeatureType.TOKEN and dtype == np.dtype(object):
                column = self.inter_feat[field]
                joined = column.where(column.notna(), None).tolist()
                values = pl.Series(joined, dtype=pl.String)
                self.inter_feat[field] = encode(values, as_numbers=False)

    # -- filtering and numbering -----------------------------------------------------------------

    def _filter_nan_user_or_item(self) -> None:
        """RecBole's filter; its warning, which lists every line, is replaced by a short one."""
        with self.row_changes.dropped(self, "an empty user or item"):
            drop_empty_keys(self)
            super()._filter_nan_user_or_item()

    def _remove_duplication(self) -> None:
        with self.row_changes.dropped(self, f"rm_dup_inter: {self.config['rm_dup_inter']}"):
            super()._remove_duplication()

    def _filter_by_field_value(self) -> None:
        with self.row_changes.dropped(self, f"val_interval: {self.config['val_interval']}"):
            super()._filter_by_field_value()

    def _fill_nan(self) -> None:
        for name in self.feat_name_list:
            feat = getattr(self, name)
            for field in feat:
                if self.field2type[field] == FeatureType.FLOAT:
                    value = self._fill_value(name, field)
                    if feat[field].hasnans:
                        count_filled(self, name, field)
                        feat[field] = feat[field].fillna(value)
        super()._fill_nan()

    def _fill_value(self, name: str, field: str) -> float:
        """RecBole's number for an empty cell: the mean of the others."""
        return float(getattr(self, name)[field].mean())

    def _filter_inter_by_user_or_item(self) -> None:
        """RecBole's filter, skipped where it would drop nothing, as it copies every column."""
        missing, example = rows_without_side_row(self)
        if missing is None:
            return
        if not self.config["filter_inter_by_user_or_item"]:
            note_kept_without_side_row(self, np.count_nonzero(missing), example)
            return
        before = len(self.inter_feat)
        with self.row_changes.dropped(self, "filter_inter_by_user_or_item"):
            super()._filter_inter_by_user_or_item()
        check_side_filter(self, before, example)

    def _filter_by_inter_num(self) -> None:
        """RecBole's filter, skipped where it can drop nothing, as it counts rows in Python."""
        intervals = [self.config[f"{side}_inter_num_interval"] for side in ("user", "item")]
        if any(interval not in (None, "[0,inf)") for interval in intervals):
            with self.row_changes.dropped(self, "user_inter_num_interval, item_inter_num_interval"):
                super()._filter_by_inter_num()

    def _remap(self, remap_list: list[tuple]) -> None:
        """Assign RecBole's ids, from the codes where all columns are encoded."""
        encoded = [
            (feat, field)
            for feat, field, _ in remap_list
            if isinstance(feat[field].dtype, pd.CategoricalDtype)
        ]
        if len(encoded) < len(remap_list):
            for feat, field in encoded:  # numbers with gaps would be joined as floats
                feat[field] = texts(feat[field].array).astype(object)
            super()._remap(remap_list)
            return
        ids, tokens = number([feat[field].array for feat, field, _ in remap_list])
        for (feat, field, _), column in zip(remap_list, ids, strict=True):
            feat[field] = column
            self.field2id_token.setdefault(field, tokens)
            self.field2token_id.setdefault(field, TokenIds(tokens))
