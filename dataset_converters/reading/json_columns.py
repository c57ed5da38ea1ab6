"""Read JSON lines as columns of text and lists of text, numbers as they are written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice

import polars as pl

from dataset_converters.errors import ConverterError
from dataset_converters.reading.json_rows import TEXT, parse_object, read_json_lines
from dataset_converters.reading.raw_files import LINE, RawFile
from dataset_converters.reading.rejected_rows import Rejects
from dataset_converters.writing.progress import Reporter

_PEEK_BYTES = 1 << 20
_PEEK_ROWS = 5_000

#: Numbers stay the text that they are in the file: 007.50 and 12345678901234567890 are exact.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=lambda _: None)


def json_columns(file: RawFile) -> dict[str, str]:
    """Return the keys of the first rows of a file, each with ``text``, ``list`` or ``object``.

    Raises:
        ConverterError: The file is empty, one JSON array, or of another format.
    """
    stream = file.open()
    data = stream.read(_PEEK_BYTES)
    stream.close()
    if not data.strip():
        raise ConverterError(f"{file.name}: the file is empty")
    if data.lstrip().startswith(b"["):
        raise ConverterError(
            f"{file.name}: the file is one JSON array; write one object a line "
            "(jq -c '.[]' file.json > file.jsonl)"
        )
    lines = data.decode("utf-8", "replace").split("\n")
    whole = lines[:-1] if len(data) == _PEEK_BYTES and len(lines) > 1 else lines
    kinds: dict[str, str] = {}
    first_error: ValueError | None = None
    for text in islice((line for line in whole if line.strip()), _PEEK_ROWS):
        try:
            row = _decode(text)
        except ValueError as error:
            first_error = first_error or error
            continue  # named with its line when the rows are read
        for name, value in row.items():
            kind = {list: "list", dict: "object", type(None): ""}.get(type(value), "text")
            kinds[name] = kinds.get(name) or kind
    if not kinds and first_error is not None:
        raise ConverterError(f"{file.name}: none of the first lines is an object: {first_error}")
    return {name: kind or "text" for name, kind in kinds.items()}


def read_json_columns(
    file: RawFile,
    columns: dict[str, str],
    rejects: Rejects,
    reporter: Reporter,
    *,
    known: set[str],
    notes: list[str],
    truncation_notes: list[str] | None = None,
) -> Iterator[pl.DataFrame]:
    """Read a file of JSON objects, one a line, block by block.

    Args:
        file: The file.
        columns: Keys to read, each ``text`` or ``list``. A key that a row lacks is null.
        rejects: Collects lines that are not objects, and values of another kind.
        reporter: Shows a bar with rows/s and ETA.
        known: Keys that may be left out without a word.
        notes: Gets a sentence on other keys that are not read.
        truncation_notes: As for :func:`dataset_converters.reading.blocks.read_blocks`.

    Yields:
        Frames with ``columns`` as text or list of text, and ``_line``.
    """
    kinds = {name: pl.List(pl.String) if k == "list" else pl.String for name, k in columns.items()}
    others: dict[str, int] = {}
    for lines in read_json_lines(file, rejects, reporter, truncation_notes):
        values: dict[str, list[object]] = {name: [] for name in columns}
        numbers = []
        for text, line in lines.select(TEXT, LINE).iter_rows():
            try:
                row = _decode(text)
                fields = {name: _field(row.get(name), name, kind) for name, kind in columns.items()}
            except ValueError as error:
                name, _, reason = str(error).rpartition("\0")
                rejects.add(file.name, line, name or None, reason, text)
                continue
            for name, value in fields.items():
                values[name].append(value)
            numbers.append(line)
            for name in row.keys() - known:
                others.setdefault(name, line)
        yield pl.DataFrame({**values, LINE: numbers}, schema={**kinds, LINE: pl.Int64})
    if others:
        first = min(others, key=lambda name: others[name])
        notes.append(
            f"{file.name}: keys that the first rows lack are left out: {', '.join(sorted(others))} "
            f"({first} from line {others[first]:,} on)"
        )


def _decode(text: str) -> dict[str, object]:
    """Decode one line.

    Raises:
        ValueError: It is not an object, or holds a text that is not valid unicode.
    """
    try:
        row = _DECODER.decode(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        row = parse_object(text)
    if not isinstance(row, dict):
        raise ValueError(f"a JSON {type(row).__name__}, not an object")
    if "\\ud" in text or "\\uD" in text:
        try:
            json.dumps(row, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise ValueError("half of a character (a lone surrogate)") from error
    return row


def _field(value: object, name: str, kind: str) -> object:
    """Convert a value to text, or to a list of texts.

    Raises:
        ValueError: It is of another kind; the message is the column and the reason.
    """
    if kind == "list":
        if value is None:
            return None
        return [_scalar(part, name) for part in (value if isinstance(value, list) else [value])]
    return _scalar(value, name)


def _scalar(value: object, name: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):  # of a Python literal
        return str(value)
    what = "a list" if isinstance(value, list) else "an object"
    raise ValueError(f"{name}\0{what}, where other rows have a text or a number")
