"""Users, items and scenarios of KuaiSAR."""

from __future__ import annotations

import numpy as np
import polars as pl

from dataset_converters.atomic import DatasetWriter
from dataset_converters.columns import Column
from dataset_converters.csv_rows import LINE, read_rows
from dataset_converters.errors import ConverterError
from dataset_converters.kuaisar_raw import WORDS, Raw, reject_where, words_of
from dataset_converters.raw_files import RawFile
from dataset_converters.rejects import Rejects
from dataset_converters.report import Report, Reporter

LEVELS = ("first", "second", "third", "fourth")
_PADDING = ["", "0", "empty", "空"]


def write_users(
    writer: DatasetWriter,
    raw: Raw,
    inter: pl.DataFrame,
    rejects: Rejects,
    reporter: Reporter,
    report: Report,
) -> None:
    """Write ``.user`` for the users that occur."""
    names = ("onehot_feat1", "onehot_feat2", "search_active_level", "rec_active_level")
    columns = [
        Column("user_id", "id"),
        *(Column(name, "code", nullable=True) for name in names[:3]),
        Column(names[3], "code", ("rec_active_level", "reco_active_level"), nullable=True),
    ]
    table = writer.table("user", dict.fromkeys(("user_id", *names), "token"))
    described = FirstOfEach(inter["user_id"], raw.files["user_features.csv"], "user_id")
    for frame in read_rows(described.file, columns, rejects, reporter):
        table.write(described.keep(frame, rejects, report))
    described.note_missing("users", report)


def write_items(
    writer: DatasetWriter,
    raw: Raw,
    inter: pl.DataFrame,
    rejects: Rejects,
    reporter: Reporter,
    report: Report,
    *,
    caption: bool,
) -> bool:
    """Write ``.item`` for the items that occur, block by block.

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
    described = FirstOfEach(inter["item_id"], file, "item_id")
    for frame in read_rows(file, columns, rejects, reporter):
        if caption:
            listed = pl.col("caption").str.contains(WORDS) | pl.col("caption").is_in(_PADDING)
            frame = reject_where(
                frame, ~listed, file, "caption", "is no list of word ids such as [1, 2]", rejects
            )
        if table is None:
            table = writer.table("item", _item_fields(frame.columns))
        table.write(_without_padding(described.keep(frame, rejects, report)))
    if table is None:
        raise ConverterError(f"{file.name}: no row in it")
    described.note_missing("items", report)
    return "music_id" in table.fields


def _item_fields(columns: list[str]) -> dict[str, str]:
    texts = {"caption", *(f"{level}_level_category_name_en" for level in LEVELS)}
    return {name: "token_seq" if name in texts else "token" for name in columns if name != LINE}


def _without_padding(frame: pl.DataFrame) -> pl.DataFrame:
    """Empty the fields that hold nothing but the padding of the raw files."""
    texts = [f"{level}_level_category_name_en" for level in LEVELS]
    texts += [name for name in ("music_id", "caption") if name in frame.columns]
    ids = [f"{level}_level_category_id" for level in LEVELS]
    frame = frame.with_columns(
        pl.when(~pl.col(texts).is_in(_PADDING)).then(pl.col(texts)),
        pl.when(pl.col(ids) != 0).then(pl.col(ids)),
    )
    return frame.with_columns(words_of("caption")) if "caption" in frame.columns else frame


class FirstOfEach:
    """Keeps the first row of every id that occurs in the logs.

    A further row that says the same is counted as a duplicate; one that disagrees is bad.

    Args:
        occurring: Ids of the logs.
        file: The file that describes them.
        key: Column of the ids.
    """

    def __init__(self, occurring: pl.Series, file: RawFile, key: str) -> None:
        self.file, self.key = file, key
        self._ids = np.sort(occurring.unique().to_numpy())
        self._hash = np.zeros(len(self._ids), np.uint64)  # of the row kept; 0 before it is seen

    def keep(self, frame: pl.DataFrame, rejects: Rejects, report: Report) -> pl.DataFrame:
        """Return the rows of ``frame`` to write, in their order."""
        ids = frame[self.key].to_numpy()
        place = np.searchsorted(self._ids, ids)
        place[place == len(self._ids)] = 0
        used = self._ids[place] == ids
        if not used.all():
            file = self.file.name.rpartition("/")[2].rpartition(":")[2]
            report.dropped[f"{self.key} not in the logs ({file})"] += int((~used).sum())
        frame, place = frame.filter(pl.Series(used)), place[used]
        content = frame.drop(LINE).hash_rows(seed=7).to_numpy() | np.uint64(1)
        _, first = np.unique(place, return_index=True)
        is_new = np.zeros(len(place), bool)
        is_new[first] = self._hash[place[first]] == 0
        self._hash[place[is_new]] = content[is_new]
        if is_new.all():
            return frame
        same = self._hash[place] == content
        for row in frame.filter(pl.Series(~is_new & ~same)).iter_rows(named=True):
            line = int(row.pop(LINE))
            rejects.add(
                self.file.name,
                line,
                None,
                f"{self.key} {row[self.key]} was described before, and differently",
                ", ".join(f"{name}={value}" for name, value in row.items()),
            )
        report.dropped[f"duplicate rows of one {self.key}"] += int((same & ~is_new).sum())
        return frame.filter(pl.Series(is_new))

    def note_missing(self, what: str, report: Report) -> None:
        """Note how many ids of the logs have no row."""
        missing = int((self._hash == 0).sum())
        if missing:
            report.notes.append(
                f"{missing:,} of {len(self._ids):,} {what} in the logs have no row in "
                f"{self.file.name.rpartition('/')[2]}; their features are empty"
            )
