"""Maintain a store: verify its files, merge stores, summarise the contents."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from recbole_llm4msr.knowledge.options import KnowledgeError
from recbole_llm4msr.knowledge.store.files import write_atomically
from recbole_llm4msr.knowledge.store.integrity import fault_of_chunk, read_identity, read_record
from recbole_llm4msr.knowledge.store.prepared import load_prepared
from recbole_llm4msr.knowledge.store.store import KnowledgeStore


@dataclass(frozen=True)
class CheckedFile:
    """A file of a store and its fault, empty for a valid file."""

    path: Path
    fault: str


def verify(store: KnowledgeStore) -> Iterator[CheckedFile]:
    """Read every file of a store completely; check keys, shapes, checksums and finite numbers."""
    for folder in store.folders:
        yield from _verify_folder(folder)


def _verify_folder(store: Path) -> Iterator[CheckedFile]:
    for folder in sorted((store / "vectors").glob("*/")):
        if (folder / "encoder.json").exists():  # the next build writes it where it is missing
            yield CheckedFile(folder / "encoder.json", _fault(read_identity, folder))
        for path in sorted(folder.glob("*.safetensors")):
            yield CheckedFile(path, fault_of_chunk(path, again=True))
            record = path.with_suffix(".json")
            if record.exists():  # a chunk can be used without
                yield CheckedFile(record, _fault(read_record, record))
    prepared = (store / "prepared").glob("*.*")
    for path in sorted({path.with_suffix(".safetensors") for path in prepared if _is_part(path)}):
        yield CheckedFile(path, _fault(load_prepared, path, path.with_suffix(".json")))


def _is_part(path: Path) -> bool:
    return path.suffix in (".safetensors", ".json")


def _fault(read: Callable, *paths: Path) -> str:
    """Return the message of the error that reading raises, an empty text for none."""
    try:
        read(*paths)
    except KnowledgeError as error:
        return str(error)
    return ""


def delete(file: CheckedFile) -> None:
    """Delete a damaged file, vectors with their record and lines; the next build writes it again.

    A damaged record is deleted alone: its vectors may have cost hours.
    """
    vectors = file.path.suffix == ".safetensors"
    for suffix in (".safetensors", ".json", ".jsonl.gz") if vectors else (file.path.suffix,):
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
            fault = fault_of_chunk(path)
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
        records = list(shelf.records())
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
