"""Open raw files as byte streams: plain files, zip members, gzip files that may be truncated."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from dataset_converters.errors import ConverterError


class PlainStream:
    """A plain file, or a member of a zip archive (whose checksum is verified)."""

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
        """Return the number of bytes read."""
        return self._position

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class GzipStream:
    """A gzip file that returns every byte before a truncation, then sets ``truncated``.

    ``gzip.GzipFile.read`` raises EOFError at a truncation and drops what it had decompressed for
    that call; ``read1`` returns it first.
    """

    def __init__(self, path: Path) -> None:
        self._name = path.name
        self._compressed = path.open("rb")
        self._file = gzip.GzipFile(fileobj=self._compressed)
        self.truncated = False

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes; sets ``truncated`` if the stream ends early."""
        parts: list[bytes] = []
        missing = size
        while missing > 0:
            try:
                data = self._file.read1(missing)
            except EOFError:
                self.truncated = True
                break
            except (gzip.BadGzipFile, zlib.error) as error:
                raise ConverterError(
                    f"{self._name}: not a valid gzip stream near byte {self.position():,} "
                    f"({error}); download it again"
                ) from error
            if not data:
                break
            parts.append(data)
            missing -= len(data)
        return b"".join(parts)

    def position(self) -> int:
        """Return the number of compressed bytes read."""
        return self._compressed.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._compressed.close()
