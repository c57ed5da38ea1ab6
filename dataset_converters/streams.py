"""Bytes of raw files: plain, from a zip archive, or unpacked from gzip on the way."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO, Protocol

from dataset_converters.errors import ConverterError


class Stream(Protocol):
    """Bytes of one raw file."""

    truncated: bool

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes, ``b""`` at the end."""

    def position(self) -> int:
        """Bytes of the stored (perhaps compressed) file used so far."""

    def close(self) -> None:
        """Release the file."""


class PlainStream:
    """A file as it is, or a member of a zip archive (whose checksum is verified)."""

    truncated = False

    def __init__(self, name: str, file: BinaryIO) -> None:
        self._name, self._file, self._position = name, file, 0

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes."""
        try:
            data = self._file.read(size)
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise ConverterError(
                f"{self._name}: damaged after {self._position:,} bytes ({error}); "
                "download the archive again"
            ) from error
        self._position += len(data)
        return data

    def position(self) -> int:
        """Bytes read."""
        return self._position

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class GzipStream:
    """A gzip stream that gives every byte before a truncation and then says so.

    The standard library raises in the middle of a read and loses what it had unpacked.
    """

    def __init__(self, path: Path) -> None:
        self._name = path.name
        self._file = path.open("rb")
        self._inflate = zlib.decompressobj(31)
        self._pending = b""
        self._position = 0
        self.truncated = False

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes; sets ``truncated`` if the stream ends early."""
        parts: list[bytes] = []
        wanted = size
        while wanted > 0:
            if not self._pending:
                self._pending = self._file.read(1 << 20)
                self._position += len(self._pending)
                if not self._pending:
                    self.truncated = not self._inflate.eof
                    break
            if self._inflate.eof:  # the next member of a stream of several
                if not self._pending.strip(b"\0"):
                    self._pending = b""
                    continue
                self._inflate = zlib.decompressobj(31)
            try:
                data = self._inflate.decompress(self._pending, wanted)
            except zlib.error as error:
                raise ConverterError(
                    f"{self._name}: not a sound gzip stream near byte {self._position:,} "
                    f"({error}); download it again"
                ) from error
            self._pending = self._inflate.unconsumed_tail or self._inflate.unused_data
            parts.append(data)
            wanted -= len(data)
        return b"".join(parts)

    def position(self) -> int:
        """Compressed bytes used."""
        return self._position

    def close(self) -> None:
        """Close the file."""
        self._file.close()
