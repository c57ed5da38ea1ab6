"""Protocol of an open raw file: plain, compressed, or in an archive."""

from __future__ import annotations

from typing import Protocol


class ByteStream(Protocol):
    """Bytes of one raw file.

    Attributes:
        truncated: Whether a compressed file ended early; known once ``read`` has returned ``b""``.
    """

    truncated: bool

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes, ``b""`` at the end."""

    def position(self) -> int:
        """Return how many bytes of the stored (perhaps compressed) file have been read."""

    def close(self) -> None:
        """Close the file."""
