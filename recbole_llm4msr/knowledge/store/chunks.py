"""The chunks of one encoder in a store: vectors under the hashes of their prompts."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch
from safetensors.torch import save as to_bytes

from recbole_llm4msr.knowledge.options import KnowledgeError
from recbole_llm4msr.knowledge.store.files import checksum, write_atomically, write_json
from recbole_llm4msr.knowledge.store.integrity import (
    KEY_BYTES,
    fault_of_chunk,
    read_identity,
    read_record,
)

logger = logging.getLogger(__name__)


def keys_of(prompts: Sequence[str]) -> np.ndarray:
    """Return the key of every prompt, 16 bytes of SHA-256: uint8 of shape (n, 16)."""
    digests = b"".join(hashlib.sha256(p.encode()).digest()[:KEY_BYTES] for p in prompts)
    return np.frombuffer(digests, dtype=np.uint8).reshape(-1, KEY_BYTES)


@dataclass
class Shelf:
    """The vectors of one encoder in a store, found by the key of their prompt.

    Args:
        folder: ``vectors/<encoder>`` of the store.
        identity: The encoder's identity: everything that determines a vector besides its prompt.
        also_read: The same folder of a read-only store, whose chunks are used, too.

    Attributes:
        chunks: The valid chunks, sorted.
        damaged: The chunks that are not used, each with its fault.
    """

    folder: Path
    identity: Mapping[str, Any]
    also_read: Path | None = None
    damaged: dict[Path, str] = field(default_factory=dict)
    chunks: list[Path] = field(default_factory=list)
    _keys: np.ndarray = field(default_factory=lambda: sortable(keys_of([])))
    _places: np.ndarray = field(default_factory=lambda: np.empty((0, 2), dtype=np.int64))

    def refresh(self) -> Shelf:
        """Check all chunks and read their keys again; other processes may have written more."""
        folders = [self.folder] if self.also_read is None else [self.folder, self.also_read]
        paths = [path for folder in folders for path in sorted(folder.glob("*.safetensors"))]
        faults = {path: fault_of_chunk(path) for path in paths}
        self.chunks = [path for path, fault in faults.items() if not fault]
        self.damaged = {path: fault for path, fault in faults.items() if fault}
        keys, places = [keys_of([])], [self._places[:0]]
        for number, path in enumerate(self.chunks):
            with _open_chunk(path) as chunk:
                chunk_keys = chunk.get_tensor("keys").numpy()
            keys.append(chunk_keys)
            rows = np.arange(len(chunk_keys))
            places.append(np.stack([np.full(len(rows), number), rows], axis=1))
        self._keys, first = np.unique(sortable(np.concatenate(keys)), return_index=True)
        self._places = np.concatenate(places)[first]
        return self

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, keys: np.ndarray) -> np.ndarray:
        """Return the index of every key among the sorted stored keys, -1 where it is missing."""
        if not len(self._keys):
            return np.full(len(keys), -1, dtype=np.int64)
        wanted = sortable(keys)
        index = np.searchsorted(self._keys, wanted)
        index[index == len(self._keys)] = 0
        return np.where(self._keys[index] == wanted, index, -1)

    def read(self, keys: np.ndarray, *, raw: bool = False) -> np.ndarray:
        """Return the vectors of ``keys`` as fp16 of length one, shape (n, d), in their order.

        Args:
            keys: Keys, all of them stored.
            raw: Return float32 vectors of their original length instead.

        Raises:
            KeyError: A key is not stored.
        """
        index = self.find(keys)
        if (index < 0).any():
            raise KeyError(f"{(index < 0).sum()} of {len(keys)} vectors are not in {self.folder}")
        places = self._places[index]
        result: np.ndarray | None = None
        for number in np.unique(places[:, 0]):
            rows = np.flatnonzero(places[:, 0] == number)
            with _open_chunk(self.chunks[number]) as chunk:
                chunk_rows = places[rows, 1]
                vectors = chunk.get_tensor("vectors").numpy()  # memory-mapped, not read
                if result is None:
                    dtype = np.float32 if raw else np.float16
                    result = np.empty((len(keys), vectors.shape[1]), dtype=dtype)
                result[rows] = vectors[chunk_rows]
                if raw:
                    result[rows] *= chunk.get_tensor("norms").numpy()[chunk_rows, None]
        return result if result is not None else np.empty((0, 0), dtype=np.float16)

    def write(
        self,
        keys: np.ndarray,
        vectors: np.ndarray,
        record: Mapping[str, Any],
        lines: Sequence[Mapping[str, Any]] | None = None,
    ) -> Path:
        """Write one chunk: its lines, its record, and last its vectors, which make it valid.

        Args:
            keys: Keys of the prompts, uint8 of shape (n, 16).
            vectors: float32, shape (n, d).
            record: Host, time, duration and versions, as plain values.
            lines: Prompts and texts to keep beside the vectors.

        Raises:
            KnowledgeError: A vector holds NaN or infinity, or the file cannot be written.
        """
        if not np.isfinite(vectors).all():
            bad = int((~np.isfinite(vectors)).any(axis=1).sum())
            raise KnowledgeError(
                f"{bad} of {len(vectors)} vectors hold NaN or infinity; none of this chunk is "
                "stored. With a float16 model try knowledge_dtype: bfloat16 or float32"
            )
        self.write_identity()
        units, norms = units_of(vectors)
        tensors = {
            "keys": torch.from_numpy(keys.copy()),
            "vectors": torch.from_numpy(units),
            "norms": torch.from_numpy(norms),
        }
        content = to_bytes(tensors, metadata={"sha256": checksum(tensors)})
        name = hashlib.sha256(keys.tobytes()).hexdigest()[:32]
        if lines is not None:
            text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
            write_atomically(
                self.folder / f"{name}.jsonl.gz", gzip.compress(text.encode(), mtime=0)
            )
        write_json(self.folder / f"{name}.json", record)
        path = self.folder / f"{name}.safetensors"
        write_atomically(path, content)
        return path

    def write_identity(self) -> None:
        """Write the encoder's identity, beside chunks, where it is missing or damaged."""
        try:
            read_identity(self.folder)
        except KnowledgeError:
            write_json(self.folder / "encoder.json", self.identity)

    def remove_damaged(self) -> None:
        """Remove the damaged chunks with their records and lines; a line in the log for each.

        Those of a read-only store stay there.
        """
        for path, fault in self.damaged.items():
            if not fault_of_chunk(path):  # another process has made it again
                continue
            if path.parent != self.folder:
                logger.warning("%s: damaged (%s); its prompts are encoded again", path, fault)
                continue
            logger.warning("%s: damaged (%s); removed, its prompts are encoded again", path, fault)
            for suffix in (".safetensors", ".json", ".jsonl.gz"):
                path.with_suffix(suffix).unlink(missing_ok=True)

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield the records of the valid chunks; those that are damaged are left out."""
        for path in self.chunks:
            with contextlib.suppress(KnowledgeError):
                yield read_record(path.with_suffix(".json"))


def sortable(keys: np.ndarray) -> np.ndarray:
    """Convert keys (n, 16) to byte strings, which numpy can sort and search.

    A guard byte at the end keeps numpy from dropping trailing zeros.
    """
    guarded = np.pad(keys, ((0, 0), (0, 1)), constant_values=1)
    return np.ascontiguousarray(guarded).view(f"S{KEY_BYTES + 1}").reshape(-1)


@contextlib.contextmanager
def _open_chunk(path: Path) -> Iterator[Any]:
    """Open a chunk that was valid; one that has changed raises :class:`KnowledgeError`."""
    try:
        with safetensors.safe_open(path, framework="pt") as chunk:
            yield chunk
    except (safetensors.SafetensorError, FileNotFoundError) as error:
        raise KnowledgeError(f"{path}: changed while it was used ({error}); run again") from error


def units_of(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vectors as a store keeps them: of length one in float16, (n, d), and their lengths, (n,)."""
    norms = np.linalg.norm(vectors.astype(np.float64), axis=1)
    lengths = np.where(norms > 0, norms, 1)[:, None]
    return (vectors / lengths).astype(np.float16), norms.astype(np.float32)
