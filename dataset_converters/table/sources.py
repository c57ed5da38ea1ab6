"""Open input files of any format: their columns, a first sample, all rows in blocks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from dataset_converters.errors import ConverterError, nearest
from dataset_converters.reading import (
    LINE,
    Column,
    Dialect,
    RawFile,
    Rejects,
    is_readable,
    json_columns,
    parquet_schema,
    read_csv_rows,
    read_json_columns,
    read_parquet_rows,
    split_header,
)
from dataset_converters.table.options import TYPES, TableOptions
from dataset_converters.writing import Reporter

_JSON, _PARQUET = (".jsonl", ".ndjson", ".json"), (".parquet", ".pq")
_ATOMIC = (".inter", ".item", ".user")
_TEXT = (".csv", ".tsv", ".tab", ".txt", ".dat", ".data", *_ATOMIC)
_SEPARATORS = (",", "\t", ";", "|")
_SAMPLE_BYTES, _SAMPLE_ROWS = 1 << 20, 20_000
_TYPED = re.compile(rf"(.+):({'|'.join(TYPES)})")


@dataclass
class Source:
    """One input file.

    Attributes:
        file: The file.
        format: ``text``, ``json`` or ``parquet``.
        columns: Column names; each ``text``, ``list`` or ``time`` (parquet's moments).
        names: Name in the file by column name; they differ in atomic files (``age:token``).
        declared: RecBole type by column, of atomic files.
        left_out: Columns that cannot be read, with the reason.
        dialect: Of a text file.
        header: Column names of a text file without a header.
        allow_truncated: Use a truncated gzip stream up to its last whole line.
    """

    file: RawFile
    format: str
    columns: dict[str, str]
    names: dict[str, str] = field(default_factory=dict)
    declared: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    dialect: Dialect = field(default_factory=Dialect)
    header: list[str] | None = None
    allow_truncated: bool = False

    @property
    def stem(self) -> str:
        """Name of the file without its suffixes, the scenario with ``--scenario-from=file``."""
        name = self.file.base_name.removesuffix(".gz")
        return name.rpartition(".")[0] or name

    def frames(
        self, columns: list[str], rejects: Rejects, reporter: Reporter, notes: list[str]
    ) -> Iterator[pl.DataFrame]:
        """Read columns block by block.

        Yields:
            Frames with text, lists of text, or moments, and ``_line``.
        """
        truncation = notes if self.allow_truncated else None
        yield from self._read(columns, rejects, reporter, notes, truncation)

    def sample(self) -> pl.DataFrame:
        """Return the first rows, without the bad ones among them."""
        ignored = Rejects(limit=_SAMPLE_BYTES)
        quiet = Reporter(quiet=True)
        with quiet.running():
            rows = self._read(list(self.columns), ignored, quiet, [], [], sample=True)
            frame = next(rows, None)
            rows.close()  # type: ignore[attr-defined]
        if frame is None:
            raise ConverterError(f"{self.file.name}: the file has no rows")
        return frame.head(_SAMPLE_ROWS).drop(LINE)

    def _read(
        self,
        columns: list[str],
        rejects: Rejects,
        reporter: Reporter,
        notes: list[str],
        truncation: list[str] | None,
        *,
        sample: bool = False,
    ) -> Iterator[pl.DataFrame]:
        if self.format == "parquet":
            rows = {"block_rows": _SAMPLE_ROWS} if sample else {}
            yield from read_parquet_rows(self.file, columns, reporter, **rows)
        elif self.format == "json":
            yield from read_json_columns(
                self.file,
                {name: self.columns[name] for name in columns},
                rejects,
                reporter,
                known={*self.columns, *self.left_out},
                notes=notes,
                truncation_notes=truncation,
            )
        else:
            yield from read_csv_rows(
                self.file,
                [Column(name, "raw", (self.names.get(name, name),)) for name in columns],
                rejects,
                reporter,
                header=self.header,
                truncation_notes=truncation,
                dialect=self.dialect,
                block_bytes=_SAMPLE_BYTES if sample else None,
            )


def open_source(path: Path, option: str, options: TableOptions) -> Source:
    """Open an input file and read the names of its columns.

    Args:
        path: The file.
        option: Option that named it, for messages.
        options: Separator, header, quotes and encoding of text files.

    Raises:
        ConverterError: The file is missing or empty, or its format or header cannot be used.
    """
    if not path.exists():
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise ConverterError(f"{option}={path}: there is no such file{nearest(path.name, beside)}")
    if path.is_dir():
        raise ConverterError(f"{option}={path}: is a folder; give its files")
    if path.stat().st_size == 0:
        raise ConverterError(f"{path.name}: the file is empty")
    file = RawFile(path)
    suffix = Path(path.name.removesuffix(".gz")).suffix.lower()
    source = _open(file, suffix, option, options)
    if source.columns.pop(LINE, None):
        source.left_out[LINE] = "a name that stands for the number of the line"
    if not source.columns:
        raise ConverterError(f"{path.name}: the file has no columns that can be read")
    return source


def _open(file: RawFile, suffix: str, option: str, options: TableOptions) -> Source:
    if suffix in _PARQUET:
        return _open_parquet(file)
    if suffix in _JSON:
        kinds = json_columns(file)
        readable = {name: kind for name, kind in kinds.items() if kind != "object"}
        others = dict.fromkeys(kinds.keys() - readable.keys(), "objects")
        return Source(
            file, "json", readable, left_out=others, allow_truncated=options.allow_truncated
        )
    if suffix in _TEXT:
        return _open_text(file, suffix, option, options)
    raise ConverterError(
        f"{option}={file.path}: the format of {suffix or 'a file without suffix'} is unknown; "
        f"name it {', '.join((*_TEXT[:3], *_JSON[:1], *_PARQUET[:1]))}, or one of them with .gz"
    )


def _open_parquet(file: RawFile) -> Source:
    if file.path.suffix == ".gz":
        raise ConverterError(f"{file.name}: unpack it first (parquet is compressed inside)")
    schema = parquet_schema(file)
    kinds = {}
    for name, dtype in schema.items():
        if is_readable(dtype):
            is_list = isinstance(dtype, pl.List | pl.Array)
            is_time = isinstance(dtype, pl.Date | pl.Datetime)
            kinds[name] = "list" if is_list else "time" if is_time else "text"
    others = {name: str(dtype) for name, dtype in schema.items() if name not in kinds}
    return Source(file, "parquet", kinds, left_out=others)


def _open_text(file: RawFile, suffix: str, option: str, options: TableOptions) -> Source:
    stream = file.open()
    first, line_break, _ = stream.read(_SAMPLE_BYTES).partition(b"\n")
    stream.close()
    if not first.strip() and not line_break:
        raise ConverterError(f"{file.name}: the file is empty")
    quotes = options.quotes and suffix not in _ATOMIC
    is_log = option == "--input"  # the files that describe users and items may differ from it
    separator = (options.separator if is_log else None) or _find_separator(first, suffix)
    dialect = Dialect(separator, quotes, options.encoding)
    first = dialect.decode_lines(file, first)
    source = Source(file, "text", {}, dialect=dialect, allow_truncated=options.allow_truncated)
    if options.header and is_log:
        source.header = list(options.header)
        fields = len(split_header(file, first, dialect))
        if fields != len(source.header):
            raise ConverterError(
                f"{file.name}, line 1: {fields} fields, but --header names {len(source.header)} "
                "columns"
            )
    header = source.header or split_header(file, first, dialect)
    twice = [name for name, number in Counter(header).items() if number > 1 and name]
    if twice:
        raise ConverterError(
            f"{file.name}, line 1: the column {twice[0]!r} occurs twice; rename one"
        )
    typed = [_TYPED.fullmatch(name) for name in header]
    for name, match in zip(header, typed, strict=True):
        if not name:
            source.left_out["(no name)"] = "a column without a name"
            continue
        shown = match[1] if match and all(typed) else name
        source.columns[shown], source.names[shown] = "text", name
        if match and all(typed):
            source.declared[shown] = match[2]
    return source


def _find_separator(line: bytes, suffix: str) -> str:
    """Return the separator of a header line: that of the suffix, or the most frequent one."""
    usual = "\t" if suffix in (".tsv", ".tab", *_ATOMIC) else ","
    if usual.encode() in line:
        return usual
    if b"::" in line and not any(mark.encode() in line for mark in _SEPARATORS):
        return "::"
    return max(_SEPARATORS, key=lambda mark: (line.count(mark.encode()), mark == usual))
