"""Prepared knowledge on disk: compressed vectors in id order, one file and one manifest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch
from safetensors.torch import save as to_bytes

from recbole_llm4msr.knowledge.options import KnowledgeError
from recbole_llm4msr.knowledge.store.files import read_json, write_atomically, write_json
from recbole_llm4msr.knowledge.vectors.knowledge import Coverage, PreparedVectors

PARTS = ("user", "scenario", "item", "train_index", "own")


def save_prepared(
    vectors: Path, manifest: Path, found: PreparedVectors, content: Mapping[str, Any]
) -> None:
    """Write vectors, then the manifest that makes them count."""
    tensors = {
        name: torch.from_numpy(np.ascontiguousarray(getattr(found, name)))
        for name in PARTS
        if getattr(found, name) is not None
    }
    write_atomically(vectors, to_bytes(tensors))
    write_json(manifest, content)


def load_prepared(vectors: Path, manifest: Path) -> tuple[PreparedVectors, dict[str, Any]]:
    """Map what :func:`save_prepared` wrote into memory; it is read when it is used.

    Raises:
        KnowledgeError: A file is damaged.
    """
    content = read_json(manifest)
    try:
        with safetensors.safe_open(vectors, framework="pt") as file:  # numpy's would be copies
            parts = {name: file.get_tensor(name).numpy() for name in file.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise KnowledgeError(
            f"{vectors}: damaged ({error}); delete it and run again: its vectors are still in the "
            "store, so nothing is encoded anew"
        ) from error
    coverage = Coverage(**content["coverage"])
    found = PreparedVectors(
        **{name: parts.get(name) for name in PARTS},
        coverage=coverage,
        explained=content["explained_variance"],
    )
    return found, content
