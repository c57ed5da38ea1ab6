"""Read atomic files with polars: fast, typed, with errors that name the line.

RecBole's own reader takes a minute for ten million rows, turns the words "null", "NA" and "nan"
into missing values, and reports a broken line without its number.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import polars as pl

_TYPES = {"token": pl.String, "token_seq": pl.String, "float": pl.Float64, "float_seq": pl.String}


class AtomicFileError(ValueError):
    """An atomic file that does not match its header."""


def not_readable_text(
    path: Path, encoding: str | None, error: UnicodeDecodeError
) -> AtomicFileError:
    """Make the error for a file in another encoding than the one it is read in."""
    return AtomicFileError(
        f"{path}: not a text in {encoding or 'UTF-8'} (byte {error.object[error.start]:#04x} at "
        f"{error.start}: {error.reason}); save it as UTF-8, or name its encoding, as "
        "encoding: utf-16"
    )


def read_header(path: Path, separator: str = "\t", encoding: str | None = None) -> dict[str, str]:
    """Fields of an atomic file with their types, in the order of the columns.

    Raises:
        AtomicFileError: The file is empty, or its first line is not ``field:type`` throughout.
    """
    try:
        with path.open(encoding=encoding or "utf-8") as file:
            line = file.readline().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise not_readable_text(path, encoding, error) from error
    if line.startswith("\ufeff"):
        raise AtomicFileError(
            f"{path}: starts with a byte order mark, which would become part of the first field's "
            "name; save it without one (as UTF-8, not as UTF-8 with BOM)"
        )
    header: dict[str, str] = {}
    for column in line.split(separator):
        field, colon, kind = column.rpartition(":")
        if not colon or kind not in _TYPES:
            raise AtomicFileError(
                f"{path}, line 1: column {column!r} is not `field:type` with one of the types "
                f"{', '.join(_TYPES)}"
            )
        if field in header:
            raise AtomicFileError(f"{path}, line 1: the field {field!r} is listed twice")
        header[field] = kind
    return header


def separator_hint(header: Iterable[str], separator: str) -> str:
    """The end of an error on missing columns: whether the header has another separator.

    Args:
        header: The columns found.
        separator: The separator they were split by.
    """
    first = next(iter(header))
    used = next((other for other in "\t,;| " if other != separator and other in first), None)
    if used is None:
        return ""
    if used == " " and separator == "\t":
        return ". Columns are separated by one tab, and this header has blanks: write tabs"
    return (
        f". Columns are separated by {separator!r}, and this header has {used!r}: set "
        f"field_separator: {used!r}"
    )


def read_atomic(
    path: Path,
    columns: list[str] | None = None,
    separator: str = "\t",
    encoding: str | None = None,
) -> pl.DataFrame:
    """Read columns of an atomic file: texts unchanged, floats as numbers, empty cells as null.

    Args:
        path: The file.
        columns: Fields to read, in this order; all of them where ``None``.
        separator: Separator of columns.
        encoding: Encoding of the file; UTF-8 where ``None``.

    Returns:
        A frame with the names of the fields (without their types).

    Raises:
        FileNotFoundError: There is no such file.
        AtomicFileError: A field is missing, a line has too many or too few columns, or a float
            field holds something else.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    header = read_header(path, separator, encoding)
    missing = [field for field in columns or () if field not in header]
    if missing:
        raise AtomicFileError(
            f"{path}: there is no column {', '.join(missing)}; it has {', '.join(header)}"
        )
    try:
        n_skipped = _lines_before_rows(path, encoding)
    except UnicodeDecodeError as error:
        raise not_readable_text(path, encoding, error) from error
    if n_skipped is None:
        return pl.DataFrame(schema={f: _TYPES[header[f]] for f in columns or header})
    try:
        frame = pl.read_csv(
            path,
            separator=separator,
            has_header=False,
            skip_rows=n_skipped,
            schema={field: _TYPES[kind] for field, kind in header.items()},
            columns=[list(header).index(field) for field in columns or header],
            quote_char=None,  # a quote is a character like any other in an atomic file
            encoding=encoding or "utf8",
        )
    except pl.exceptions.PolarsError as error:
        raise AtomicFileError(
            _describe_first_error(path, header, separator, encoding, error)
        ) from error
    _refuse_nan(frame, path, n_skipped)
    if frame[:, -1].null_count():
        blank = _blank_lines(path, header, separator, encoding)
        if blank:
            rows = [line - n_skipped - 1 for line in blank]
            kept = ~pl.int_range(frame.height, eager=True).is_in(rows)
            frame = frame.filter(kept)
    return frame.select(columns) if columns else frame


def _refuse_nan(frame: pl.DataFrame, path: Path, n_skipped: int) -> None:
    """Refuse the words nan and inf in a number's column, which RecBole would fill or train on."""
    for field in frame.columns:
        if frame[field].dtype == pl.Float64:
            not_finite = (~frame[field].is_finite()).fill_null(False)
            if not_finite.any():
                row = int(not_finite.arg_max())
                raise AtomicFileError(
                    f"{path}, line {row + n_skipped + 1}, column {field}: {frame[field][row]} is "
                    "not a number; leave a cell empty where there is none"
                )


def _lines_before_rows(path: Path, encoding: str | None) -> int | None:
    """Number of lines before the first row (header, blank lines); ``None`` without rows."""
    with path.open(encoding=encoding or "utf-8") as file:
        lines = enumerate(file)
        next(lines)
        return next((number for number, line in lines if line != "\n"), None)


def _blank_lines(
    path: Path, header: dict[str, str], separator: str, encoding: str | None
) -> list[int]:
    """Numbers of the blank lines, which are skipped.

    Polars fills missing columns with nulls; a truncated line must not pass as an empty value.

    Raises:
        AtomicFileError: A line has too few columns.
    """
    blank = []
    with path.open(encoding=encoding or "utf-8") as file:
        for number, line in enumerate(file, start=1):
            if line == "\n":
                blank.append(number)
                continue
            n_columns = line.count(separator) + 1
            if n_columns < len(header):
                raise AtomicFileError(
                    f"{path}, line {number}: {n_columns} columns where the header "
                    f"has {len(header)}: {line.rstrip()[:80]!r}"
                )
    return blank


def _describe_first_error(
    path: Path, header: dict[str, str], separator: str, encoding: str | None, error: Exception
) -> str:
    """Describe the first line that does not match the header (slow; only called on an error)."""
    with path.open(encoding=encoding or "utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            if line == "\n":
                continue
            cells = line.rstrip("\r\n").split(separator)
            if len(cells) != len(header):
                return (
                    f"{path}, line {number}: {len(cells)} columns where the header has "
                    f"{len(header)}: {line.rstrip()[:80]!r}"
                )
            for (field, kind), cell in zip(header.items(), cells, strict=True):
                if number > 1 and kind == "float" and cell and not _is_float(cell):
                    return (
                        f"{path}, line {number}, column {field}: {cell!r} is not a number; leave "
                        "a cell empty where there is none"
                    )
    try:
        with path.open(encoding=encoding or "utf-8") as file:
            for _ in file:
                pass
    except UnicodeDecodeError as undecodable:
        return str(not_readable_text(path, encoding, undecodable))
    return f"{path}: cannot be read: {error}"


def _is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text == text.strip()  # Python reads blanks beside a number, polars does not
