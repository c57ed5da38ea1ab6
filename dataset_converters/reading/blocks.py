"""Cut a raw file into blocks of whole records, and read blocks ahead in a thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from dataset_converters.errors import ConverterError
from dataset_converters.reading.byte_stream import ByteStream
from dataset_converters.reading.raw_files import RawFile

BLOCK_BYTES = 24 << 20  # bytes of text per block
_MAX_RECORD_BYTES = 128 << 20  # a longer record means an unclosed quote
_T = TypeVar("_T")


@dataclass(frozen=True)
class Block:
    """Whole records of a file.

    Attributes:
        data: Text of the records, encoded.
        line: Line of the file that the first record begins at, counted from 1.
        position: Bytes of the stored file read so far, for progress bars.
    """

    data: bytes
    line: int
    position: int


def read_blocks(
    file: RawFile,
    stream: ByteStream,
    *,
    quoted: bool,
    truncation_notes: list[str] | None = None,
    block_bytes: int | None = None,
) -> Iterator[Block]:
    """Cut a stream into blocks that end where a record ends.

    Args:
        file: The file that is read, for error messages.
        stream: Its open stream.
        quoted: Whether a line break inside double quotes belongs to the record (CSV).
        truncation_notes: If given, a truncated gzip stream is used up to its last whole line,
            and a sentence about it is appended here. If None, truncation is an error.
        block_bytes: Bytes of text per block; :data:`BLOCK_BYTES` if None.

    Yields:
        Blocks in order; the last may lack the final line break.

    Raises:
        ConverterError: A double quote is never closed, or the stream is truncated.
    """
    line, remainder = 1, b""
    while True:
        data = stream.read(block_bytes or BLOCK_BYTES)
        if not data:
            break
        data = remainder + data
        end = _end_of_last_record(data, quoted)
        if end == 0 and len(data) > _MAX_RECORD_BYTES:
            if quoted:
                _raise_unclosed_quote(file, line)
            raise ConverterError(f"{file.name}: line {line:,} has more than {len(data):,} bytes")
        records, remainder = data[:end], data[end:]
        if records:
            yield Block(records, line, stream.position())
            line += records.count(b"\n")
    if stream.truncated:
        place = f"{file.name}: the gzip stream is truncated in line {line:,}"
        if truncation_notes is None:
            raise ConverterError(
                f"{place} (at byte {stream.position():,} of the compressed file); {line - 1:,} "
                "whole lines come before it. Download it again, or keep those lines with "
                "--allow-truncated."
            )
        truncation_notes.append(f"{place}; the {line - 1:,} whole lines before it were used")
        remainder = b""
    if quoted and remainder.count(b'"') % 2:
        _raise_unclosed_quote(file, line)
    if remainder:
        yield Block(remainder, line, stream.position())


def _end_of_last_record(data: bytes, quoted: bool) -> int:
    """Return the length of the longest prefix that ends with a record."""
    end = data.rfind(b"\n") + 1
    if not quoted:
        return end
    quotes = data.count(b'"', 0, end)
    while end and quotes % 2:  # inside quotes: go back one line break
        previous_end = data.rfind(b"\n", 0, end - 1) + 1
        quotes -= data.count(b'"', previous_end, end)
        end = previous_end
    return end


def _raise_unclosed_quote(file: RawFile, line: int) -> None:
    raise ConverterError(
        f"{file.name}: a double quote opened at or after line {line:,} is never closed; "
        "the file is damaged or truncated, or quotes are plain characters in it (--no-quotes of "
        "the command table)"
    )


def read_ahead(items: Iterator[_T], depth: int = 2) -> Iterator[_T]:
    """Iterate over ``items`` in a thread, up to ``depth`` ahead.

    Decompression of the next block then overlaps with parsing of the current one. Order is kept,
    and an exception of ``items`` is raised here.
    """
    ready: queue.Queue[tuple[bool, object]] = queue.Queue(depth)
    stopped = threading.Event()

    def put(message: tuple[bool, object]) -> bool:
        while not stopped.is_set():
            try:
                ready.put(message, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False

    def produce() -> None:
        try:
            for item in items:
                if not put((True, item)):
                    return
            put((False, None))
        except BaseException as error:
            put((False, error))

    threading.Thread(target=produce, daemon=True).start()
    try:
        while True:
            is_item, item = ready.get()
            if is_item:
                yield item  # type: ignore[misc]
            elif item is None:
                return
            else:
                raise item  # type: ignore[misc]
    finally:
        stopped.set()
