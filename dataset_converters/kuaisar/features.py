"""Convert user and item features of KuaiSAR."""

from __future__ import annotations

import polars as pl

from dataset_converters.errors import ConverterError
from dataset_converters.kuaisar.logs import WORD_LIST, to_token_seq
from dataset_converters.kuaisar.release import RawRelease
from dataset_converters.reading import (
    LINE,
    Column,
    FirstRows,
    Rejects,
    read_csv_rows,
    reject_where,
)
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
    file = raw.files["user_features.csv"]
    first_rows = FirstRows(inter["user_id"], "user_id")
    for frame in read_csv_rows(file, columns, rejects, reporter):
        table.write(first_rows.keep(frame, file, rejects, report))
    first_rows.note_missing("users", file.base_name, report)


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
    first_rows = FirstRows(inter["item_id"], "item_id")
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
        table.write(_clear_padding(first_rows.keep(frame, file, rejects, report)))
    if table is None:
        raise ConverterError(f"{file.name}: the file has no rows")
    first_rows.note_missing("items", file.base_name, report)
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
