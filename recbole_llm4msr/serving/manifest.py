"""The manifest of an artefact: what the folder holds, and whether that is all there, unaltered."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from recbole_llm4msr.serving.errors import ArtefactError
from recbole_llm4msr.util.checksum import (
    ChecksumError,
    file_checksum,
    verify_checksum,
    with_checksum,
)

NAME = "manifest.json"

#: Version of the folder's format; a folder of a newer one is refused.
FORMAT_VERSION = 1


def write_manifest(folder: Path, content: dict[str, Any]) -> None:
    """Write the manifest, with size and checksum of every other file of the folder."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p != folder / NAME)
    listed = {
        path.relative_to(folder).as_posix(): {
            "bytes": path.stat().st_size,
            "crc32": file_checksum(path),
        }
        for path in files
    }
    content = with_checksum({"format_version": FORMAT_VERSION, **content, "files": listed})
    text = json.dumps(content, indent=1, ensure_ascii=False)
    (folder / NAME).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path, *, verify: bool = True) -> dict[str, Any]:
    """Read the manifest and compare the folder with it.

    Args:
        folder: The artefact.
        verify: Whether the checksums of all files are compared, not only their sizes.

    Raises:
        ArtefactError: The folder is not an artefact, is incomplete or altered, or is of a newer
            version.
    """
    path = folder / NAME
    if not folder.is_dir():
        raise ArtefactError(f"{folder}: there is no such folder")
    if not path.is_file():
        raise ArtefactError(f"{folder}: this is not an artefact, it has no {NAME}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ArtefactError(
            f"{path}: this is not JSON; the file is truncated or altered"
        ) from error
    version = content.get("format_version") if isinstance(content, dict) else None
    if not isinstance(version, int):
        raise ArtefactError(f"{path}: there is no format_version; the file is altered")
    if version > FORMAT_VERSION:
        raise ArtefactError(
            f"{folder}: this artefact has format {version}, and this version of recbole_llm4msr "
            f"reads up to {FORMAT_VERSION}; install a newer one"
        )
    try:
        content = verify_checksum(content)
    except ChecksumError as error:
        raise ArtefactError(f"{path}: {error}; the file was altered") from error
    faults = list(_faults(folder, content["files"], verify))
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise ArtefactError(f"{folder}: {faults[0]}{more}; export the model again")
    return content


def _faults(folder: Path, files: dict[str, dict[str, int]], verify: bool) -> Iterable[str]:
    """What is wrong with the files, the cheap checks first."""
    for name, expected in files.items():
        path = folder / name
        if not path.is_file():
            yield f"the file {name} is missing"
        elif path.stat().st_size != expected["bytes"]:
            size = path.stat().st_size
            yield f"the file {name} has {size:,} bytes instead of {expected['bytes']:,}"
        elif verify and file_checksum(path) != expected["crc32"]:
            yield f"the file {name} does not match its checksum"
