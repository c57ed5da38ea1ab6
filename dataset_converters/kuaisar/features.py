"""Convert user and item features of KuaiSAR."""

from __future__ import annotations

import numpy as np
import polars as pl

from dataset_converters.errors import ConverterError
from dataset_converters.kuaisar.logs import WORD_LIST, reject_where, to_token_seq
from dataset_converters.kuaisar.release import RawRelease
from dataset_converters.reading import LINE, Column, RawFile, Rejects, read_csv_rows
from dataset_converters.writing import DatasetWriter, Report, Reporter

LEVELS = ("first", "second", "third", "fourth")
_PADDING = ["", "0", "empty", "空"]  # placeholders of missing values


def write_users(
    writer: DatasetWriter,
    raw: RawRelease,
    inter: pl.DataFrame,
    rejects: Rejects,
    reporter: Reporter,
    report: Report,
) -> None:
    """Write ``.user`` for the users that occur in the logs."""
    names = ("onehot_feat1", "onehot_feat2", "search_active_level", "rec_active_level")
    columns = [
        Column("user_id", "id"),
        *(Column(name, "code", nullable=True) for name in names[:3]),
        Column(names[3], "code", ("rec_active_level", "reco_active_level"), nullable=True),
    ]
    table = writer.table("user", dict.fromkeys(("user_id", *names), "token"))
    first_rows = FirstRows(inter["user_id"], raw.files["user_features.csv"], "user_id")
    for frame in read_csv_rows(first_rows.file, columns, rejects, reporter):
        table.write(first_rows.keep(frame, rejects, report))
    first_rows.note_missing("users", report)


def write_items(
    writer: DatasetWriter,
    raw: RawRelease,
    inter: pl.DataFrame,
    rejects: Rejects,
    reporter: Reporter,
    report: Report,
    *,
    caption: bool,
) -> bool:
    """Write ``.item`` for the items that occur in the logs, block by block.

    Returns:
        Whether the release has music ids.
    """
    file = raw.files["item_features.csv"]
    columns = [
        Column("item_id", "id"),
        Column("author_id", "code", nullable=True),
        Column("item_type", "text"),
        Column("upload_type", "text"),
        Column("music_id", "text", required=False),
        *(Column(f"{level}_level_category_id", "code", nullable=True) for level in LEVELS),
        *(Column(f"{level}_level_category_name_en", "text") for level in LEVELS),
    ]
    if caption:
        columns.append(Column("caption", "text"))
    table = None
    first_rows = FirstRows(inter["item_id"], file, "item_id")
    for frame in read_csv_rows(file, columns, rejects, reporter):
        if caption:
            is_valid = pl.col("caption").str.contains(WORD_LIST) | pl.col("caption").is_in(_PADDING)
            frame = reject_where(
                frame,
                ~is_valid,
                file,
                "caption",
                "is not a list of word ids such as [1, 2]",
                rejects,
            )
        if table is None:
            table = writer.table("item", _item_fields(frame.columns))
        table.write(_clear_padding(first_rows.keep(frame, rejects, report)))
    if table is None:
        raise ConverterError(f"{file.name}: the file has no rows")
    first_rows.note_missing("items", report)
    return "music_id" in table.fields


def _item_fields(columns: list[str]) -> dict[str, str]:
    texts = {"caption", *(f"{level}_level_category_name_en" for level in LEVELS)}
    return {name: "token_seq" if name in texts else "token" for name in columns if name != LINE}


def _clear_padding(frame: pl.DataFrame) -> pl.DataFrame:
    """Replace the placeholders of the raw files by nulls, which become empty fields."""
    texts = [f"{level}_level_category_name_en" for level in LEVELS]
    texts += [name for name in ("music_id", "caption") if name in frame.columns]
    ids = [f"{level}_level_category_id" for level in LEVELS]
    frame = frame.with_columns(
        pl.when(~pl.col(texts).is_in(_PADDING)).then(pl.col(texts)),
        pl.when(pl.col(ids) != 0).then(pl.col(ids)),
    )
    return frame.with_columns(to_token_seq("caption")) if "caption" in frame.columns else frame


class FirstRows:
    """Keeps the first row of every id that occurs in the logs.

    Another row with the same content is counted as a duplicate; one with other content is bad.

    Args:
        occurring: Ids in the logs.
        file: The file with their features.
        key: Column of the ids.
    """

    def __init__(self, occurring: pl.Series, file: RawFile, key: str) -> None:
        self.file, self.key = file, key
        self._ids = np.sort(occurring.unique().to_numpy())
        self._hash = np.zeros(len(self._ids), np.uint64)  # of the row kept; 0 before there is one

    def keep(self, frame: pl.DataFrame, rejects: Rejects, report: Report) -> pl.DataFrame:
        """Return the rows of ``frame`` to write, in order; count or reject the others."""
        ids = frame[self.key].to_numpy()
        index = np.searchsorted(self._ids, ids)  # of each row's id among the ids of the logs
        index[index == len(self._ids)] = 0
        used = self._ids[index] == ids
        if not used.all():
            report.dropped[f"{self.key} not in the logs ({self.file.base_name})"] += int(
                (~used).sum()
            )
        frame, index = frame.filter(pl.Series(used)), index[used]
        content = frame.drop(LINE).hash_rows(seed=7).to_numpy() | np.uint64(1)
        _, first = np.unique(index, return_index=True)
        is_new = np.zeros(len(index), bool)
        is_new[first] = self._hash[index[first]] == 0
        self._hash[index[is_new]] = content[is_new]
        if is_new.all():
            return frame
        same = self._hash[index] == content
        for row in frame.filter(pl.Series(~is_new & ~same)).iter_rows(named=True):
            line = int(row.pop(LINE))
            rejects.add(
                self.file.name,
                line,
                None,
                f"{self.key} {row[self.key]} was described before, with other values",
                ", ".join(f"{name}={value}" for name, value in row.items()),
            )
        report.dropped[f"duplicate rows of one {self.key}"] += int((same & ~is_new).sum())
        return frame.filter(pl.Series(is_new))

    def note_missing(self, entities: str, report: Report) -> None:
        """Note in the report how many ids of the logs have no row."""
        missing = int((self._hash == 0).sum())
        if missing:
            report.notes.append(
                f"{missing:,} of {len(self._ids):,} {entities} in the logs have no row in "
                f"{self.file.base_name}; their features are empty"
            )
