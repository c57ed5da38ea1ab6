"""Open the input files that options name: files, folders, archives; find format and columns."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from pathlib import Path

import polars as pl

from dataset_converters.errors import ConverterError, nearest
from dataset_converters.reading import (
    LINE,
    Dialect,
    RawFile,
    is_readable,
    json_columns,
    parquet_schema,
    split_header,
)
from dataset_converters.table.options import TYPES, TableOptions
from dataset_converters.table.sources import SAMPLE_BYTES, Source

_JSON, _PARQUET = (".jsonl", ".ndjson", ".json"), (".parquet", ".pq")
_ATOMIC = (".inter", ".item", ".user")
_TEXT = (".csv", ".tsv", ".tab", ".txt", ".dat", ".data", *_ATOMIC)
_SEPARATORS = (",", "\t", ";", "|")
_TYPED = re.compile(rf"(.+):({'|'.join(TYPES)})")
_KNOWN = (*_TEXT, *_JSON, *_PARQUET)
_FORMATS = ".csv, .tsv, .jsonl (each also with .gz) or .parquet"


def find_inputs(path: Path, option: str) -> list[RawFile]:
    """Find the files that an option names: one file, those of a folder, or that of a zip archive.

    Args:
        path: The file, folder or archive.
        option: Option that named it, for messages.

    Raises:
        ConverterError: It is missing or empty, or has no file of a known format, or the archive
            has several.
    """
    if not path.exists():
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise ConverterError(f"{option}={path}: there is no such file{nearest(path.name, beside)}")
    if path.is_dir():
        inside = (p for p in sorted(path.rglob("*")) if not p.name.startswith((".", "_")))
        files = [RawFile(p) for p in inside if p.is_file() and _suffix(p.name) in _KNOWN]
        if not files:
            raise ConverterError(f"{option}={path}: the folder has no file of {_FORMATS}")
        return files
    if path.stat().st_size == 0:
        raise ConverterError(f"{path.name}: the file is empty")
    if path.suffix.lower() != ".zip":
        return [RawFile(path)]
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if "__MACOSX" not in name]
    except (zipfile.BadZipFile, OSError) as error:
        raise ConverterError(f"{path.name}: not a valid zip archive ({error})") from error
    members = [n for n in names if _suffix(n) in (*_TEXT, *_JSON) and not n.endswith(".gz")]
    if len(members) != 1:
        raise ConverterError(
            f"{path.name}: the archive has {len(members)} CSV, TSV or JSON files "
            f"({', '.join(names[:5])}{', ...' * (len(names) > 5)}); unpack it and name the file"
        )
    return [RawFile(path, members[0])]


def open_source(file: RawFile, option: str, options: TableOptions) -> Source:
    """Open an input file and read the names of its columns.

    Args:
        file: The file.
        option: Option that named it, for messages.
        options: Separator, header, quotes and encoding of text files.

    Raises:
        ConverterError: The file is empty, or its format or header cannot be used.
    """
    source = _open(file, _suffix(file.base_name), option, options)
    if source.columns.pop(LINE, None):
        source.left_out[LINE] = "a name that stands for the number of the line"
    if not source.columns:
        raise ConverterError(f"{file.name}: the file has no columns that can be read")
    return source


def _suffix(name: str) -> str:
    return Path(name.removesuffix(".gz")).suffix.lower()


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
        f"{option}={file.path}: a file of {suffix or 'no suffix'} cannot be read; save it as "
        f"{_FORMATS}"
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
    first, line_break, _ = stream.read(SAMPLE_BYTES).partition(b"\n")
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
