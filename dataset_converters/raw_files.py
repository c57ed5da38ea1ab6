"""Raw files where they lie: in a folder, in a zip archive, or as a gzip stream.

All of them are read as blocks of whole records with the line each block begins at, so that a
bad row can be named and nothing has to be unpacked to disk.
"""

from __future__ import annotations

import queue
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dataset_converters.errors import ConverterError
from dataset_converters.streams import GzipStream, PlainStream, Stream

BLOCK = 24 << 20  # bytes of text handled at a time
_LONGEST_RECORD = 128 << 20  # a record longer than this is an unclosed quote
_T = TypeVar("_T")


@dataclass(frozen=True)
class RawFile:
    """One raw file: ``path`` itself, or ``member`` of the zip archive ``path``."""

    path: Path
    member: str | None = None

    @property
    def name(self) -> str:
        """The name that messages use."""
        return f"{self.path.name}:{self.member}" if self.member else self.path.name

    @property
    def size(self) -> int:
        """Bytes that :meth:`Stream.position` ends at."""
        if self.member is None:
            return self.path.stat().st_size
        with zipfile.ZipFile(self.path) as archive:
            return archive.getinfo(self.member).file_size

    def open(self) -> Stream:
        """Open it for reading from the start."""
        if self.member is not None:
            try:
                member = zipfile.ZipFile(self.path).open(self.member)  # noqa: SIM115 (the stream's)
            except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
                raise ConverterError(
                    f"{self.name}: cannot be unpacked ({error}); download the archive again"
                ) from error
            return PlainStream(self.name, member)  # type: ignore[arg-type]
        if self.path.suffix == ".gz":
            return GzipStream(self.path)
        return PlainStream(self.name, self.path.open("rb"))


@dataclass(frozen=True)
class Block:
    """Whole records: ``data`` begins at line ``line``; ``position`` is how far the file is."""

    data: bytes
    line: int
    position: int


def blocks(
    file: RawFile, stream: Stream, *, quoted: bool, cut_short: list[str] | None = None
) -> Iterator[Block]:
    """Cut a stream into blocks that end where a record ends.

    Args:
        file: What is read, for messages.
        stream: Its open stream.
        quoted: Whether a line break inside double quotes belongs to the record (CSV).
        cut_short: Given, a gzip stream that ends early is used up to its last whole line, and
            a sentence about it is added here; None makes it an error.

    Yields:
        Blocks in order; the last may lack the final line break.

    Raises:
        ConverterError: A quote is opened and never closed, or the stream ends early.
    """
    line, carry = 1, b""
    while True:
        data = stream.read(BLOCK)
        if not data:
            break
        data = carry + data
        end = _last_end(data, quoted)
        if end == 0 and len(data) > _LONGEST_RECORD:
            if quoted:
                _unclosed(file, line)
            raise ConverterError(f"{file.name}: line {line:,} has more than {len(data):,} bytes")
        part, carry = data[:end], data[end:]
        if part:
            yield Block(part, line, stream.position())
            line += part.count(b"\n")
    if stream.truncated:
        place = f"{file.name}: the gzip stream breaks off in line {line:,}"
        if cut_short is None:
            raise ConverterError(
                f"{place} (at byte {stream.position():,} of the compressed file); {line - 1:,} "
                "whole lines come before it. Download it again, or keep those with "
                "--allow-truncated."
            )
        cut_short.append(f"{place}; the {line - 1:,} whole lines before it were used")
        carry = b""
    if quoted and carry.count(b'"') % 2:
        _unclosed(file, line)
    if carry:
        yield Block(carry, line, stream.position())


def _last_end(data: bytes, quoted: bool) -> int:
    """Return the length of the longest prefix that ends with a record."""
    end = data.rfind(b"\n") + 1
    if not quoted:
        return end
    quotes = data.count(b'"', 0, end)
    while end and quotes % 2:  # inside quotes: try the line break before
        before = data.rfind(b"\n", 0, end - 1) + 1
        quotes -= data.count(b'"', before, end)
        end = before
    return end


def _unclosed(file: RawFile, line: int) -> None:
    raise ConverterError(
        f"{file.name}: a double quote opened at or after line {line:,} is never closed; "
        "the file is damaged or was cut short"
    )


def ahead(items: Iterator[_T], depth: int = 2) -> Iterator[_T]:
    """Run ``items`` in a thread, ``depth`` ahead: unpacking and parsing then overlap."""
    ready: queue.Queue[tuple[bool, object]] = queue.Queue(depth)
    stopped = threading.Event()

    def offer(message: tuple[bool, object]) -> bool:
        while not stopped.is_set():
            try:
                ready.put(message, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for item in items:
                if not offer((True, item)):
                    return
            offer((False, None))
        except BaseException as error:
            offer((False, error))

    threading.Thread(target=work, daemon=True).start()
    try:
        while True:
            more, item = ready.get()
            if more:
                yield item  # type: ignore[misc]
            elif item is None:
                return
            else:
                raise item  # type: ignore[misc]
    finally:
        stopped.set()


def find_files(
    source: Path, names: list[str], *, optional: tuple[str, ...] = ()
) -> dict[str, RawFile]:
    """Find raw files by name in a folder or a zip archive, at any depth.

    Args:
        source: A folder or a ``.zip`` file.
        names: File names to look for.
        optional: Names among them that may be missing.

    Returns:
        Name to file, for the names found.

    Raises:
        ConverterError: ``source`` is neither, a name is missing, or it occurs twice.
    """
    if source.is_dir():
        found = [RawFile(path) for path in sorted(source.rglob("*.csv"))]
    elif zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            found = [RawFile(source, member) for member in sorted(archive.namelist())]
    elif not source.exists():
        raise ConverterError(f"--input={source}: there is no such file or folder")
    else:
        raise ConverterError(f"--input={source}: neither a folder nor a sound zip archive")
    files: dict[str, RawFile] = {}
    for name in names:
        same = [file for file in found if Path(file.member or file.path).name == name]
        same = [file for file in same if "__MACOSX" not in (file.member or "")]
        if len(same) > 1:
            places = ", ".join(str(file.member or file.path) for file in same)
            raise ConverterError(f"{source}: {name} occurs more than once ({places})")
        if same:
            files[name] = same[0]
        else:
            there = ", ".join(Path(file.member or file.path).name for file in found[:8]) or "none"
            raise ConverterError(f"{source}: missing file {name} (files there: {there})")
    return files
