"""Match the header of a CSV file with the columns to read."""

from __future__ import annotations

import csv
from dataclasses import dataclass

from dataset_converters.errors import ConverterError, nearest
from dataset_converters.reading.blocks import Block
from dataset_converters.reading.columns import Column
from dataset_converters.reading.dialect import Dialect
from dataset_converters.reading.raw_files import RawFile


@dataclass(frozen=True)
class CsvHeader:
    """The header of a file, and where the columns to read are in it.

    Attributes:
        names: All names of the header, in order.
        positions: Position in the header by name of the result.
        columns: The columns to read that the file has.
    """

    names: list[str]
    positions: dict[str, int]
    columns: tuple[Column, ...]

    def field(self, record: list[str], column: Column) -> str:
        """Return the field of ``record`` that belongs to ``column``."""
        return record[self.positions[column.name]]


def read_header(
    file: RawFile, block: Block, columns: list[Column], dialect: Dialect
) -> tuple[CsvHeader, Block]:
    """Read the header line of a file's first block.

    Returns:
        The header, and the rest of the block.

    Raises:
        ConverterError: The header is not UTF-8, or does not match ``columns``.
    """
    first, _, rest = block.data.partition(b"\n")
    names = split_header(file, first, dialect)
    return match_header(file, names, columns), Block(rest, block.line + 1, block.position)


def split_header(file: RawFile, line: bytes, dialect: Dialect) -> list[str]:
    """Return the column names of a header line, without white space around them.

    Raises:
        ConverterError: The line is not UTF-8, or lines of the file end with a carriage return.
    """
    try:
        text = line.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise ConverterError(f"{file.name}, line 1: the header is not UTF-8 text") from error
    if "\r" in text:
        raise ConverterError(
            f"{file.name}: lines end with a carriage return alone; save it with line feeds"
        )
    quoting = csv.QUOTE_MINIMAL if dialect.quotes else csv.QUOTE_NONE
    names = next(csv.reader([text], delimiter=dialect.mark, quoting=quoting), [])
    return [name.strip() for name in names]


def match_header(file: RawFile, names: list[str], columns: list[Column]) -> CsvHeader:
    """Find the columns to read in the header.

    Raises:
        ConverterError: A required column is missing, or a column occurs twice.
    """
    positions: dict[str, int] = {}
    for column in columns:
        matches = [i for i, name in enumerate(names) if name in column.header_names]
        if len(matches) > 1:
            duplicates = ", ".join(names[i] for i in matches)
            raise ConverterError(
                f"{file.name}, line 1: column {column.name} occurs twice ({duplicates})"
            )
        if matches:
            positions[column.name] = matches[0]
        elif column.required:
            accepted, close = (
                " or ".join(column.header_names),
                nearest(column.header_names[0], names),
            )
            raise ConverterError(
                f"{file.name}, line 1: missing column {accepted}{close}; "
                f"the header is {','.join(names)}"
            )
    present = tuple(column for column in columns if column.name in positions)
    return CsvHeader(names, positions, present)
