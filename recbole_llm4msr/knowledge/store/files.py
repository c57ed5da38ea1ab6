"""Write and read the files of a store: atomic writes, JSON, checksums of tensors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from dataset_converters.full_disk import FullDiskError
from recbole_llm4msr.knowledge.options import KnowledgeError
from recbole_llm4msr.util.atomic_write import atomic_write

_KEPT = (
    "finished files are kept. Free some space, or set knowledge_path to another folder, and run "
    "the same command again"
)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that exists completely or not at all, even if the machine dies.

    Raises:
        KnowledgeError: The disk is full or the folder cannot be written; no partial file is left.
    """
    try:
        with atomic_write(path, len(content), kept=_KEPT) as temporary:
            temporary.write_bytes(content)
    except FullDiskError as error:
        raise KnowledgeError(str(error)) from error
    except OSError as error:
        raise KnowledgeError(
            f"cannot write {path}: {error.strerror}. Finished files are kept; make room "
            "or set knowledge_path to another folder and run the same command again"
        ) from error


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write plain values as indented JSON, atomically."""
    text = json.dumps(content, indent=2, ensure_ascii=False, default=list)
    write_atomically(path, (text + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Read a file of :func:`write_json`.

    Raises:
        KnowledgeError: The file is missing or is not valid JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise KnowledgeError(f"{path}: damaged or unreadable ({error})") from error


def checksum(tensors: Mapping[str, torch.Tensor]) -> str:
    """Return the SHA-256 of a chunk's tensors, which the chunk's metadata holds."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(tensors[name].contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
