"""Maintain a store: verify its files, merge stores, summarise the contents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import safetensors
import torch

from recbole_llm4msr.knowledge.options import KnowledgeError
from recbole_llm4msr.knowledge.store.chunks import KEY_BYTES, KnowledgeStore
from recbole_llm4msr.knowledge.store.files import checksum, write_atomically
from recbole_llm4msr.knowledge.store.prepared import load_prepared


@dataclass(frozen=True)
class CheckedFile:
    """A file of a store and its fault, empty for a valid file."""

    path: Path
    fault: str


def verify(store: KnowledgeStore) -> Iterator[CheckedFile]:
    """Read every file of a store completely; check shapes, checksum and finite numbers."""
    for path in sorted((store.folder / "vectors").glob("*/*.safetensors")):
        yield CheckedFile(path, _fault_of_chunk(path))
    for path in sorted((store.folder / "prepared").glob("*.safetensors")):
        try:
            load_prepared(path, path.with_suffix(".json"))
            yield CheckedFile(path, "")
        except KnowledgeError as error:
            yield CheckedFile(path, str(error))


def _fault_of_chunk(path: Path) -> str:
    """Return what is wrong with a chunk, an empty text for a valid one."""
    try:
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
    return ""


def delete(file: CheckedFile) -> None:
    """Delete a damaged file with its record and lines; the next build writes it again."""
    for suffix in (".safetensors", ".json", ".jsonl.gz"):
        file.path.with_suffix(suffix).unlink(missing_ok=True)


def check_store(folder: Path) -> None:
    """Check that a folder is a store.

    Raises:
        KnowledgeError: It is not a store.
    """
    if not (folder / "vectors").is_dir():
        raise KnowledgeError(f"{folder} is not a knowledge store: it has no folder `vectors`")


def merge(sources: Sequence[Path], destination: Path) -> tuple[int, int]:
    """Copy the chunks that ``destination`` lacks; the sources stay as they are.

    Files are named by the hash of their keys, so there are no conflicts. A damaged chunk stops the
    merge before anything is copied.

    Returns:
        The number of chunks that were copied, and of those that were there already.

    Raises:
        KnowledgeError: A source is not a store, or holds a damaged chunk.
    """
    chunks: list[tuple[Path, Path]] = []
    for source in sources:
        check_store(source)
        for path in sorted((source / "vectors").glob("*/*.safetensors")):
            fault = _fault_of_chunk(path)
            if fault:
                raise KnowledgeError(f"{path}: {fault}; verify --delete that store and build again")
            chunks.append((path, destination / path.relative_to(source)))
    copied = 0
    for path, target in chunks:
        if target.exists():
            continue
        copied += 1
        # The vectors come last: they make a chunk valid.
        beside = [path.with_suffix(".jsonl.gz"), path.with_suffix(".json"), path]
        for file in [path.parent / "encoder.json", *(f for f in beside if f.exists())]:
            write_atomically(target.parent / file.name, file.read_bytes())
    return copied, len(chunks) - copied


@dataclass(frozen=True)
class ShelfSummary:
    """Counts of one encoder's vectors in a store, and the cost of encoding them."""

    name: str
    identity: dict
    vectors: int
    chunks: int
    tokens: int
    seconds: float
    made: str
    megabytes: float


def shelves_of(store: KnowledgeStore) -> Iterator[ShelfSummary]:
    """Summarise every shelf of a store from its records."""
    for shelf in store.shelves():
        records = [record for _, record in shelf.records()]
        size = sum(path.stat().st_size for path in shelf.folder.iterdir())
        yield ShelfSummary(
            shelf.folder.name,
            dict(shelf.identity),
            len(shelf),
            len(records),
            sum(record["tokens"] for record in records),
            sum(record["seconds"] for record in records),
            max((record["made"] for record in records), default=""),
            size / 1e6,
        )
