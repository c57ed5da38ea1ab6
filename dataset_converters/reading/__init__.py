"""Read raw files in blocks of typed, checked rows with their line numbers; reject bad rows."""

from dataset_converters.reading.columns import Column, to_seconds
from dataset_converters.reading.csv_header import split_header
from dataset_converters.reading.csv_rows import read_csv_rows
from dataset_converters.reading.dialect import Dialect
from dataset_converters.reading.first_rows import FirstRows
from dataset_converters.reading.json_columns import json_columns, read_json_columns
from dataset_converters.reading.json_rows import (
    TEXT,
    may_be_deeply_nested,
    parse_object,
    read_json_lines,
)
from dataset_converters.reading.parquet_rows import (
    is_readable,
    parquet_schema,
    read_parquet_rows,
)
from dataset_converters.reading.raw_files import LINE, RawFile, find_files
from dataset_converters.reading.rejected_rows import Rejects, reject_where

__all__ = [
    "LINE",
    "TEXT",
    "Column",
    "Dialect",
    "FirstRows",
    "RawFile",
    "Rejects",
    "find_files",
    "is_readable",
    "json_columns",
    "may_be_deeply_nested",
    "parquet_schema",
    "parse_object",
    "read_csv_rows",
    "read_json_columns",
    "read_json_lines",
    "read_parquet_rows",
    "reject_where",
    "split_header",
    "to_seconds",
]
