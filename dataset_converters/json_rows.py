"""Lines of JSON (or of Python literals, as one release wrote them) with the line they are on."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator

import polars as pl

from dataset_converters.csv_rows import LINE
from dataset_converters.raw_files import RawFile, ahead, blocks
from dataset_converters.rejects import Rejects
from dataset_converters.report import Reporter

TEXT = "text"


def read_lines(
    file: RawFile, rejects: Rejects, reporter: Reporter, cut_short: list[str] | None
) -> Iterator[pl.DataFrame]:
    """Read a file line by line, in blocks.

    Args:
        file: The file; ``.gz`` is unpacked on the way.
        rejects: Takes lines that are no text.
        reporter: Shows a bar with rows/s and ETA.
        cut_short: As for :func:`dataset_converters.raw_files.blocks`.

    Yields:
        Frames with ``text`` and ``_line``; empty lines are passed over.
    """
    stream = file.open()
    with reporter.meter(file.name, file.size) as meter:
        for block in ahead(blocks(file, stream, quoted=False, cut_short=cut_short)):
            lines = block.data.split(b"\n")
            texts, numbers = [], []
            for number, line in enumerate(lines, block.line):
                try:
                    text = line.decode("utf-8").strip()
                except UnicodeDecodeError:
                    shown = line.decode("utf-8", "replace")
                    rejects.add(file.name, number, None, "not UTF-8 text", shown)
                    continue
                if text:
                    texts.append(text)
                    numbers.append(number)
            meter.update(block.position, len(texts))
            yield pl.DataFrame({TEXT: texts, LINE: numbers}, schema={TEXT: str, LINE: pl.Int64})
    stream.close()


def parse(text: str) -> dict[str, object]:
    """Read one line as a JSON object, or as a Python literal.

    Raises:
        ValueError: It is neither; the message says where it breaks.
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
