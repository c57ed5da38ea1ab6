"""The folder of a store, and where it is: vectors of prompts, and prepared knowledge.

Layout of the folder::

    vectors/<encoder>/encoder.json            identity of the encoder
    vectors/<encoder>/<chunk>.safetensors     keys (n, 16) uint8, vectors (n, d) fp16, norms (n,)
    vectors/<encoder>/<chunk>.json            record: host, time, duration, versions
    vectors/<encoder>/<chunk>.jsonl.gz        prompts and generated texts (optional)
    prepared/<fingerprint>.safetensors        compressed vectors of one data set and setting
    prepared/<fingerprint>.json               its manifest

A vector's key is the hash of its prompt, in the folder of the encoder, so a prompt is encoded only
once, for all runs and data sets. Every file is written atomically and never changed: two processes
on one store at worst do the same work and write the same file.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recbole_llm4msr.data.folders import companion_folder, read_only
from recbole_llm4msr.knowledge.options import KnowledgeError, KnowledgeOptions, Settings
from recbole_llm4msr.knowledge.store.chunks import Shelf
from recbole_llm4msr.knowledge.store.integrity import read_identity
from recbole_llm4msr.util.fingerprint import fingerprint


@dataclass(frozen=True)
class KnowledgeStore:
    """A folder of vectors and of prepared knowledge; for its layout see the module docstring.

    Args:
        folder: The folder that is written to.
        also_read: A read-only store, whose files are used where ``folder`` has none.
    """

    folder: Path
    also_read: Path | None = None

    @property
    def folders(self) -> list[Path]:
        """The folders that are read."""
        return [self.folder] if self.also_read is None else [self.folder, self.also_read]

    def shelf(self, identity: Mapping[str, Any]) -> Shelf:
        """Return the shelf of an encoder; its folder is created by the first write."""
        own, *others = (folder / "vectors" / fingerprint(identity) for folder in self.folders)
        return Shelf(own, identity, *others).refresh()

    def shelves(self) -> Iterator[Shelf]:
        """Yield all shelves of the folders whose identity is valid."""
        for folder in self.folders:
            for path in sorted((folder / "vectors").glob("*/")):
                with contextlib.suppress(KnowledgeError):
                    yield Shelf(path, read_identity(path)).refresh()

    def prepared(self, name: str) -> tuple[Path, Path]:
        """Return the paths to write the vectors and the manifest of one prepared knowledge to."""
        return _prepared_in(self.folder, name)

    def ready(self, name: str) -> list[tuple[Path, Path]]:
        """Return the paths of the vectors and the manifest that exist, at most one of a folder."""
        found = [_prepared_in(folder, name) for folder in self.folders]
        return [paths for paths in found if all(path.exists() for path in paths)]


def _prepared_in(folder: Path, name: str) -> tuple[Path, Path]:
    base = folder / "prepared" / name
    return base.with_suffix(".safetensors"), base.with_suffix(".json")


def store_of(config: Settings, options: KnowledgeOptions, dataset: str) -> KnowledgeStore:
    """Return the store of a run: ``knowledge_path``, else ``knowledge`` beside the data set.

    A store that cannot be written to is read, and what it lacks goes to
    ``dataset/<dataset>/knowledge`` here.
    """
    here = companion_folder(None, dataset, "knowledge")
    if options.knowledge_path:
        chosen = Path(options.knowledge_path).expanduser()
        folder = here if read_only(chosen) else chosen
    else:
        folder = companion_folder(config["data_path"], dataset, "knowledge")
        chosen = Path(config["data_path"], "knowledge") if config["data_path"] else folder
        folder = here if read_only(folder) else folder
    if chosen == folder or not chosen.is_dir():
        return KnowledgeStore(folder)
    return KnowledgeStore(folder, also_read=chosen)
