"""Checksums (CRC-32) of files and of JSON objects, to detect damage on a disk."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

_BLOCK = 1 << 22
_KEY = "crc32"


class ChecksumError(ValueError):
    """The content is not what its checksum was computed of."""


def file_checksum(path: str | Path) -> int:
    """Return the CRC-32 of a file, read in blocks of 4 MiB.

    CRC-32 detects damage, not intent. It is several times as fast as a cryptographic hash.
    """
    value = 0
    with Path(path).open("rb") as file:
        while block := file.read(_BLOCK):
            value = zlib.crc32(block, value)
    return value


def with_checksum(content: dict[str, Any]) -> dict[str, Any]:
    """Return a JSON object with the key ``crc32``: the checksum of all other keys."""
    return {**content, _KEY: _of_object(content)}


def verify_checksum(content: Any, *, required: bool = True) -> dict[str, Any]:
    """Return a JSON object without its key ``crc32``, after comparing it.

    Args:
        content: What :func:`with_checksum` returned, read back from JSON.
        required: Whether an object without the key is an error.

    Raises:
        ChecksumError: It is not an object, the key is missing, or the checksum differs.
    """
    if not isinstance(content, dict):
        raise ChecksumError("not a JSON object")
    rest = {key: value for key, value in content.items() if key != _KEY}
    if _KEY not in content:
        if required:
            raise ChecksumError("the checksum is missing")
        return rest
    if content[_KEY] != _of_object(rest):
        raise ChecksumError("the content does not match its checksum")
    return rest


def _of_object(content: dict[str, Any]) -> int:
    # Through JSON once, so that keys and tuples have the form in which they are read back.
    plain = json.loads(json.dumps(content))
    return zlib.crc32(json.dumps(plain, sort_keys=True).encode())
