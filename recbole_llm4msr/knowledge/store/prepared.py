"""Save and load prepared knowledge: compressed vectors in id order, and their manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch
from safetensors.torch import save as to_bytes

from recbole_llm4msr.knowledge.options import KnowledgeError
from recbole_llm4msr.knowledge.store.files import write_atomically, write_json
from recbole_llm4msr.knowledge.store.integrity import read_manifest
from recbole_llm4msr.knowledge.store.store import KnowledgeStore
from recbole_llm4msr.knowledge.vectors.prepared_vectors import Coverage, PreparedVectors
from recbole_llm4msr.util.checksum import file_checksum, with_checksum
from recbole_llm4msr.util.staging import remove_abandoned

PARTS = ("user", "scenario", "item", "train_index", "own")


def save_prepared(
    vectors: Path, manifest: Path, prepared: PreparedVectors, content: Mapping[str, Any]
) -> None:
    """Write the vectors, and last the manifest, which makes them valid.

    Both have a checksum in the manifest: ``file_crc32`` that of the vectors' file.
    """
    tensors = {
        name: torch.from_numpy(np.ascontiguousarray(getattr(prepared, name)))
        for name in PARTS
        if getattr(prepared, name) is not None
    }
    remove_abandoned(vectors.parent)
    manifest.unlink(missing_ok=True)  # never beside the vectors of another
    write_atomically(vectors, to_bytes(tensors))
    write_json(manifest, with_checksum({**content, "file_crc32": file_checksum(vectors)}))


def load_prepared(vectors: Path, manifest: Path) -> tuple[PreparedVectors, dict[str, Any]]:
    """Check and memory-map the files of :func:`save_prepared`.

    Raises:
        KnowledgeError: A file is missing or damaged.
    """
    content = read_manifest(manifest)
    try:
        if file_checksum(vectors) != content["file_crc32"]:
            raise KnowledgeError(
                f"{vectors}: damaged (its contents are not what its checksum says)"
            )
        with safetensors.safe_open(vectors, framework="pt") as file:  # framework="np" would copy
            parts = {name: file.get_tensor(name).numpy() for name in file.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, OSError) as error:
        raise KnowledgeError(f"{vectors}: damaged ({error})") from error
    prepared = PreparedVectors(
        **{name: parts.get(name) for name in PARTS},
        coverage=Coverage(**content["coverage"]),
        explained=content["explained_variance"],
    )
    return prepared, content


def manifests_in(store: KnowledgeStore) -> Iterator[tuple[Path, dict[str, Any] | None]]:
    """Yield the path of every manifest of a store, and its content, ``None`` for a damaged one."""
    for folder in store.folders:
        for path in sorted((folder / "prepared").glob("*.json")):
            try:
                yield path, read_manifest(path)
            except KnowledgeError:
                yield path, None
