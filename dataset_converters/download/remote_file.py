"""A published file: address, size and checksum, and verification of a downloaded copy."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class RemoteFile:
    """A published file.

    Attributes:
        url: Its address.
        size: Its published size, shown in messages.
        md5: Its published MD5; None if none is published.
        rows: Its published number of lines; checked if there is no MD5.
    """

    url: str
    size: str | None = None
    md5: str | None = None
    rows: int | None = None

    @property
    def name(self) -> str:
        """File name, the last part of the address."""
        return self.url.rpartition("/")[2].partition("?")[0]

    def describe(self) -> str:
        """Return address, checksum and size in one line."""
        size = f", {self.size}" if self.size else ""
        check = f"md5 {self.md5}" if self.md5 else "no md5 is published"
        return f"{self.url} ({check}{size})"


def verify(path: Path, remote: RemoteFile) -> str | None:
    """Check a downloaded file against its published MD5.

    Without a published MD5, the gzip checksum and the published number of lines are checked.

    Returns:
        Why the file is not the published one, as a clause; None if it is.
    """
    if remote.md5:
        digest = hashlib.md5(usedforsecurity=False)
        with path.open("rb") as file:
            while data := file.read(_CHUNK_BYTES):
                digest.update(data)
        md5 = digest.hexdigest()
        return None if md5 == remote.md5 else f"its md5 is {md5}, not {remote.md5}"
    if not remote.name.endswith(".gz"):  # `path` may still end in .part
        return None
    lines, last = 0, b"\n"
    try:
        with gzip.open(path, "rb") as file:
            while data := file.read(_CHUNK_BYTES):
                lines += data.count(b"\n")
                last = data[-1:]
    except (OSError, EOFError, zlib.error) as error:
        return f"it is not a valid gzip file ({error})"
    lines += last != b"\n"
    if remote.rows is not None and lines != remote.rows:
        return f"it has {lines:,} rows, not the {remote.rows:,} published"
    return None
