"""The store of vectors: addressed by content, written in chunks that are complete or absent.

Layout of the folder::

    vectors/<encoder>/encoder.json            what decides these vectors beside the prompt
    vectors/<encoder>/<chunk>.safetensors     keys (n, 16) uint8, vectors (n, d) fp16, norms (n,)
    vectors/<encoder>/<chunk>.json            who, when, how long
    vectors/<encoder>/<chunk>.jsonl.gz        prompts and generated texts, where they are kept
    prepared/<fingerprint>.safetensors        compressed vectors of one data set and setting
    prepared/<fingerprint>.json               its manifest

A vector's key is the hash of its prompt, inside the folder of everything else that decides it, so
the same prompt is never computed twice, by whatever run or data set. Nothing is ever rewritten:
two processes on one store can at worst do the same work and write the same file.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch
from safetensors.torch import save as to_bytes

from recbole_llm4msr.knowledge.options import KnowledgeError
from recbole_llm4msr.util.atomic_files import atomic_write
from recbole_llm4msr.util.fingerprint import fingerprint

KEY_BYTES = 16


def keys_of(prompts: Sequence[str]) -> np.ndarray:
    """Return the key of every prompt, 16 bytes of SHA-256: uint8 of shape (n, 16)."""
    digests = b"".join(hashlib.sha256(p.encode()).digest()[:KEY_BYTES] for p in prompts)
    return np.frombuffer(digests, dtype=np.uint8).reshape(-1, KEY_BYTES)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is either there in full or not at all, even if the machine dies.

    Raises:
        KnowledgeError: The disk is full or the folder cannot be written; nothing is left behind.
    """
    try:
        with atomic_write(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise KnowledgeError(
            f"cannot write {path}: {error.strerror}. What was finished before is kept; make room "
            "or set knowledge_path to another folder and run the same command again"
        ) from error


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write plain values as readable JSON, whole or not at all."""
    text = json.dumps(content, indent=2, ensure_ascii=False, default=list)
    write_whole(path, (text + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Read what :func:`write_json` wrote."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise KnowledgeError(f"{path}: damaged or unreadable ({error})") from error


def checksum(tensors: Mapping[str, torch.Tensor]) -> str:
    """Return the SHA-256 of a chunk's tensors, which its own file carries."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(tensors[name].contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


@dataclass
class Shelf:
    """The vectors of one encoder in a store.

    Args:
        folder: ``vectors/<encoder>`` of the store.
        identity: What decides the vectors beside the prompt.
    """

    folder: Path
    identity: Mapping[str, Any]
    _chunks: list[Path] = field(default_factory=list)
    _keys: np.ndarray = field(default_factory=lambda: sortable(keys_of([])))
    _places: np.ndarray = field(default_factory=lambda: np.empty((0, 2), dtype=np.int64))

    def refresh(self) -> Shelf:
        """Look at the folder again: other processes may have written chunks."""
        self._chunks = sorted(self.folder.glob("*.safetensors"))
        keys, places = [keys_of([])], [self._places[:0]]
        for number, path in enumerate(self._chunks):
            with _opened(path) as chunk:
                raw = chunk.get_tensor("keys").numpy()
            keys.append(raw)
            places.append(np.stack([np.full(len(raw), number), np.arange(len(raw))], axis=1))
        every, where = np.concatenate(keys), np.concatenate(places)
        self._keys, first = np.unique(sortable(every), return_index=True)
        self._places = where[first]
        return self

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, keys: np.ndarray) -> np.ndarray:
        """Return the place of every key among the stored ones, -1 where it is missing."""
        if not len(self._keys):
            return np.full(len(keys), -1, dtype=np.int64)
        wanted = sortable(keys)
        at = np.searchsorted(self._keys, wanted)
        at[at == len(self._keys)] = 0
        return np.where(self._keys[at] == wanted, at, -1)

    def read(self, keys: np.ndarray, *, raw: bool = False) -> np.ndarray:
        """Return the vectors of ``keys`` as fp16 of length one, shape (n, d), in their order.

        Args:
            keys: Keys, all of them stored.
            raw: Return float32 vectors of their original length instead.
        """
        at = self.find(keys)
        if (at < 0).any():
            raise KeyError(f"{(at < 0).sum()} of {len(keys)} vectors are not in {self.folder}")
        places = self._places[at]
        out: np.ndarray | None = None
        for number in np.unique(places[:, 0]):
            rows = np.flatnonzero(places[:, 0] == number)
            with _opened(self._chunks[number]) as chunk:
                inside = places[rows, 1]
                vectors = chunk.get_tensor("vectors").numpy()  # mapped, not read
                if out is None:
                    kind = np.float32 if raw else np.float16
                    out = np.empty((len(keys), vectors.shape[1]), dtype=kind)
                out[rows] = vectors[inside]
                if raw:
                    out[rows] *= chunk.get_tensor("norms").numpy()[inside, None]
        return out if out is not None else np.empty((0, 0), dtype=np.float16)

    def write(
        self,
        keys: np.ndarray,
        vectors: np.ndarray,
        record: Mapping[str, Any],
        lines: Sequence[Mapping[str, Any]] | None = None,
    ) -> Path:
        """Add one chunk: lines first, then its record, then the vectors that make it count.

        Args:
            keys: Keys of the prompts, uint8 of shape (n, 16).
            vectors: float32, shape (n, d).
            record: Plain values on how the chunk was made.
            lines: Prompts and texts to keep beside the vectors.

        Raises:
            KnowledgeError: A vector holds NaN or infinity, or the file cannot be written.
        """
        if not np.isfinite(vectors).all():
            bad = int((~np.isfinite(vectors)).any(axis=1).sum())
            raise KnowledgeError(
                f"{bad} of {len(vectors)} vectors hold NaN or infinity; nothing of them is "
                "stored. With a float16 model try knowledge_dtype: bfloat16 or float32"
            )
        if not (self.folder / "encoder.json").exists():
            write_json(self.folder / "encoder.json", self.identity)
        norms = np.linalg.norm(vectors.astype(np.float64), axis=1)
        units = vectors / np.where(norms > 0, norms, 1)[:, None]
        tensors = {
            "keys": torch.from_numpy(keys.copy()),
            "vectors": torch.from_numpy(units.astype(np.float16)),
            "norms": torch.from_numpy(norms.astype(np.float32)),
        }
        content = to_bytes(tensors, metadata={"sha256": checksum(tensors)})
        name = hashlib.sha256(keys.tobytes()).hexdigest()[:32]
        if lines is not None:
            text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
            write_whole(self.folder / f"{name}.jsonl.gz", gzip.compress(text.encode(), mtime=0))
        write_json(self.folder / f"{name}.json", record)
        path = self.folder / f"{name}.safetensors"
        write_whole(path, content)
        return path

    def records(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Yield every chunk with its record."""
        for path in sorted(self.folder.glob("*.safetensors")):
            yield path, read_json(path.with_suffix(".json"))


class KnowledgeStore:
    """A folder of vectors and of prepared knowledge; see the module's text for its layout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def shelf(self, identity: Mapping[str, Any]) -> Shelf:
        """Return the shelf of the encoder with this identity, made when it is written to."""
        return Shelf(self.folder / "vectors" / fingerprint(identity), identity).refresh()

    def shelves(self) -> Iterator[Shelf]:
        """Yield the shelves that are there."""
        for path in sorted((self.folder / "vectors").glob("*/encoder.json")):
            yield Shelf(path.parent, read_json(path)).refresh()

    def prepared(self, name: str) -> tuple[Path, Path]:
        """Return the paths of the vectors and of the manifest of one prepared knowledge."""
        base = self.folder / "prepared" / name
        return base.with_suffix(".safetensors"), base.with_suffix(".json")

    def manifests(self) -> list[dict[str, Any]]:
        """Return the manifests of all prepared knowledge."""
        return [read_json(p) for p in sorted((self.folder / "prepared").glob("*.json"))]


def sortable(keys: np.ndarray) -> np.ndarray:
    """Turn keys (n, 16) into byte strings, which numpy can sort and find.

    A guard byte keeps it from dropping the zeros that a key may end in.
    """
    guarded = np.pad(keys, ((0, 0), (0, 1)), constant_values=1)
    return np.ascontiguousarray(guarded).view(f"S{KEY_BYTES + 1}").reshape(-1)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safetensors.safe_open(path, framework="pt") as chunk:
            yield chunk
    except (safetensors.SafetensorError, FileNotFoundError) as error:
        raise KnowledgeError(
            f"{path}: damaged ({error}). `python -m recbole_llm4msr knowledge verify --delete` "
            "removes damaged chunks; the next build makes them again"
        ) from error
