"""How a text file of rows is written: separator, quotes, encoding."""

from __future__ import annotations

import codecs
from dataclasses import dataclass, replace

from dataset_converters.errors import ConverterError
from dataset_converters.reading.blocks import Block
from dataset_converters.reading.raw_files import RawFile

_UNIT_SEPARATOR = "\x1f"  # stands for a separator of several characters while a block is parsed
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Dialect:
    """How the rows of a text file are written.

    Attributes:
        separator: Text between two fields, such as ``,``, a tab or ``::``.
        quotes: Whether double quotes enclose a field, as in CSV; if false they are characters
            like any other, as in atomic files.
        encoding: Encoding of the file. One in which a line break is one byte.

    Raises:
        ConverterError: The separator or the encoding cannot be used.
    """

    separator: str = ","
    quotes: bool = True
    encoding: str = "utf-8"

    def __post_init__(self) -> None:
        if not self.separator or any(mark in self.separator for mark in '\r\n"'):
            raise ConverterError(
                f"--separator={self.separator!r}: must be one or more characters, without quotes "
                "and line breaks"
            )
        try:
            one_byte = "\n".encode(self.encoding) == b"\n"
        except LookupError as error:
            raise ConverterError(
                f"--encoding={self.encoding}: there is no such encoding"
            ) from error
        if not one_byte:
            raise ConverterError(
                f"--encoding={self.encoding}: cannot be read line by line; save the file as UTF-8"
            )

    @property
    def mark(self) -> str:
        """Separator of a block after :meth:`decode`: one character."""
        return self.separator if len(self.separator) == 1 else _UNIT_SEPARATOR

    def decode(self, file: RawFile, block: Block) -> Block:
        """Return the block in UTF-8, with a separator of one character.

        Raises:
            ConverterError: The file is in UTF-16, or not in the encoding given.
        """
        return replace(block, data=self.decode_lines(file, block.data, block.line))

    def decode_lines(self, file: RawFile, data: bytes, line: int = 1) -> bytes:
        """Return lines of a file, the first of which has the number ``line``, in UTF-8.

        Raises:
            ConverterError: The file is in UTF-16, or not in the encoding given.
        """
        if line == 1 and data.startswith(_WIDE):
            raise ConverterError(f"{file.name}: the file is in UTF-16; save it as UTF-8")
        if codecs.lookup(self.encoding).name != "utf-8":
            try:
                data = data.decode(self.encoding).encode()
            except UnicodeDecodeError as error:
                line += data.count(b"\n", 0, error.start)
                raise ConverterError(
                    f"{file.name}, line {line:,}: not a text in {self.encoding}"
                ) from error
        if len(self.separator) > 1:
            data = data.replace(self.separator.encode(), _UNIT_SEPARATOR.encode())
        return data


COMMA = Dialect()
