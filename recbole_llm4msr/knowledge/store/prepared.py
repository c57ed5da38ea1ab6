"""Save and load prepared knowledge: compressed vectors in id order, and their manifest."""

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
from recbole_llm4msr.knowledge.vectors.prepared_vectors import Coverage, PreparedVectors

PARTS = ("user", "scenario", "item", "train_index", "own")


def save_prepared(
    vectors: Path, manifest: Path, prepared: PreparedVectors, content: Mapping[str, Any]
) -> None:
    """Write the vectors, and last the manifest, which makes them valid."""
    tensors = {
        name: torch.from_numpy(np.ascontiguousarray(getattr(prepared, name)))
        for name in PARTS
        if getattr(prepared, name) is not None
    }
    write_atomically(vectors, to_bytes(tensors))
    write_json(manifest, content)


def load_prepared(vectors: Path, manifest: Path) -> tuple[PreparedVectors, dict[str, Any]]:
    """Memory-map the files of :func:`save_prepared`; vectors are read when they are used.

    Raises:
        KnowledgeError: A file is damaged.
    """
    content = read_json(manifest)
    try:
        with safetensors.safe_open(vectors, framework="pt") as file:  # framework="np" would copy
            parts = {name: file.get_tensor(name).numpy() for name in file.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise KnowledgeError(
            f"{vectors}: damaged ({error}); delete it and run again: its vectors are still in the "
            "store, so nothing is encoded again"
        ) from error
    coverage = Coverage(**content["coverage"])
    prepared = PreparedVectors(
        **{name: parts.get(name) for name in PARTS},
        coverage=coverage,
        explained=content["explained_variance"],
    )
    return prepared, content
