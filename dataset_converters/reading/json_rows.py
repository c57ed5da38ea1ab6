"""Read JSON lines (or Python literals, as one Amazon release has them) with their line numbers."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator

import polars as pl

from dataset_converters.reading.blocks import read_ahead, read_blocks
from dataset_converters.reading.raw_files import LINE, RawFile
from dataset_converters.reading.rejected_rows import Rejects
from dataset_converters.writing.progress import Reporter

TEXT = "text"  # column of the undecoded lines
_MAX_BRACKETS = 1000  # of one line, which bounds how deep it is nested


def read_json_lines(
    file: RawFile, rejects: Rejects, reporter: Reporter, truncation_notes: list[str] | None
) -> Iterator[pl.DataFrame]:
    """Read a file line by line, in blocks, without decoding the JSON.

    Args:
        file: The file; ``.gz`` is decompressed while it is read.
        rejects: Collects lines that are not UTF-8 text.
        reporter: Shows a bar with rows/s and ETA.
        truncation_notes: As for :func:`dataset_converters.reading.blocks.read_blocks`.

    Yields:
        Frames with ``text`` and ``_line``; empty lines are skipped.
    """
    stream = file.open()
    with reporter.meter(file.name, file.size) as meter:
        blocks = read_blocks(file, stream, quoted=False, truncation_notes=truncation_notes)
        for block in read_ahead(blocks):
            texts, line_numbers = [], []
            for line_number, line in enumerate(block.data.split(b"\n"), block.line):
                try:
                    text = line.decode("utf-8").strip()
                except UnicodeDecodeError:
                    shown = line.decode("utf-8", "replace")
                    rejects.add(file.name, line_number, None, "not UTF-8 text", shown)
                    continue
                if text:
                    texts.append(text)
                    line_numbers.append(line_number)
            meter.update(block.position, len(texts))
            schema = {TEXT: str, LINE: pl.Int64}
            yield pl.DataFrame({TEXT: texts, LINE: line_numbers}, schema=schema)
    stream.close()


def may_be_deeply_nested(lines: pl.Series) -> bool:
    """Whether a line has so many brackets that its nesting may be too deep for polars.

    :func:`parse_object` raises an error for such a line.
    """
    long_lines = lines.filter(lines.str.len_bytes() > _MAX_BRACKETS)
    return bool((long_lines.str.count_matches(r"[\[{]") > _MAX_BRACKETS).any())


def parse_object(text: str) -> dict[str, object]:
    """Decode one line as a JSON object, or as the literal of a Python dict.

    Raises:
        ValueError: It is neither; the message gives the position of the error.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        try:
            value = ast.literal_eval(text)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            raise ValueError(f"broken JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"a JSON {type(value).__name__}, not an object")
    return value
