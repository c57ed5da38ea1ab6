"""Checks of the files of a store, the same for runs, ``list``, ``verify`` and ``merge``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import torch

from recbole_llm4msr.knowledge.options import KnowledgeError
from recbole_llm4msr.knowledge.store.files import checksum, read_json
from recbole_llm4msr.util.checksum import ChecksumError, verify_checksum
from recbole_llm4msr.util.fingerprint import fingerprint

KEY_BYTES = 16

RECORD_KEYS = {"prompts", "tokens", "seconds", "made", "host", "versions"}
MANIFEST_KEYS = {
    "dataset", "request", "llm", "vectors", "prompts", "made", "tokens", "seconds",
    "explained_variance", "coverage", "file_crc32",
}  # fmt: skip
COVERAGE_KEYS = {"own", "below", "unseen"}
REQUEST_KEYS = {"knowledge", "knowledge_folds", "encoder"}  # that are read; others are compared

#: Chunks that were read whole and are valid, by path, size and time of change.
_valid: set[tuple[str, int, int]] = set()


def fault_of_chunk(path: Path, *, again: bool = False) -> str:
    """Return what is wrong with a chunk of vectors, an empty text for a valid one.

    All of it is read. A valid chunk is read once by a process, unless it changes.

    Args:
        path: The chunk.
        again: Read a chunk that was valid before.
    """
    try:
        state = path.stat()
        known = (str(path.absolute()), state.st_size, state.st_mtime_ns)
        if known in _valid and not again:
            return ""
        with safetensors.safe_open(path, framework="pt") as chunk:
            tensors = {name: chunk.get_tensor(name) for name in chunk.keys()}  # noqa: SIM118
            expected = (chunk.metadata() or {}).get("sha256")
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        return f"cannot be read: {error}"
    if set(tensors) != {"keys", "vectors", "norms"}:
        return f"holds {', '.join(sorted(tensors))} instead of keys, norms, vectors"
    n = len(tensors["keys"])
    shapes = (tensors["keys"].shape[1:], len(tensors["vectors"]), len(tensors["norms"]))
    if shapes != ((KEY_BYTES,), n, n):
        return "its keys, vectors and norms do not belong together"
    if checksum(tensors) != expected:
        return "its contents are not what its checksum says"
    if not torch.isfinite(tensors["vectors"]).all():
        return "holds NaN or infinity"
    _valid.add(known)
    return ""


def read_identity(folder: Path) -> dict[str, Any]:
    """Read the identity of an encoder, whose hash is the name of its folder.

    Raises:
        KnowledgeError: The file is missing or damaged.
    """
    path = folder / "encoder.json"
    identity = read_json(path)
    if not isinstance(identity, dict) or fingerprint(identity) != folder.name:
        raise KnowledgeError(f"{path}: damaged (it is not what the name of its folder says)")
    return identity


def read_record(path: Path) -> dict[str, Any]:
    """Read the record of a chunk.

    Raises:
        KnowledgeError: The file is missing or damaged.
    """
    return _with_keys(read_json(path), RECORD_KEYS, path)


def read_manifest(path: Path) -> dict[str, Any]:
    """Read the manifest of prepared knowledge.

    Raises:
        KnowledgeError: The file is missing or damaged: it is not what its checksum says, or a key
            is missing or unknown.
    """
    try:
        content = verify_checksum(read_json(path))
    except ChecksumError as error:
        raise KnowledgeError(f"{path}: damaged ({error})") from error
    _with_keys(content, MANIFEST_KEYS, path)
    _with_keys(content["coverage"], COVERAGE_KEYS, path, "coverage: ")
    request = content["request"]
    parts = {key: request[key] for key in REQUEST_KEYS & set(request)}
    _with_keys(parts, REQUEST_KEYS, path, "request: ")
    return content


def _with_keys(content: Any, keys: set[str], path: Path, part: str = "") -> Mapping[str, Any]:
    if not isinstance(content, dict):
        raise KnowledgeError(f"{path}: damaged ({part}not a JSON object)")
    for name, wrong in (("missing", keys - set(content)), ("unknown", set(content) - keys)):
        if wrong:
            found = ", ".join(sorted(wrong))
            raise KnowledgeError(f"{path}: damaged ({part}{name}: {found})")
    return content
