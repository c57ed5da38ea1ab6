"""Cache a processed data set as arrays that the next run maps into memory.

The key is a hash of all inputs: the files (size, time and content at both ends), every setting that
a data set reads, and the versions. Each key has its own folder; a folder is never updated. Every
file has a checksum, compared when it is read: a damaged cache is made anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import suppress
from importlib.metadata import version
from logging import getLogger
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from recbole.utils import FeatureSource, FeatureType
from recbole.utils.argument_list import dataset_arguments

from dataset_converters.full_disk import naming_full_disk
from recbole_llm4msr.data.folders import companion_folder
from recbole_llm4msr.data.numbers import NumberRules
from recbole_llm4msr.data.row_changes import RowChanges
from recbole_llm4msr.data.scenario import ScenarioNames
from recbole_llm4msr.data.vocabulary import TokenIds
from recbole_llm4msr.data.vocabulary_state import VocabularyState
from recbole_llm4msr.util.checksum import file_checksum, verify_checksum, with_checksum
from recbole_llm4msr.util.staging import remove_abandoned, staging_path

#: Version of the format. Increased when the files, or the result of reading and filtering, change,
#: so that older caches are not read.
_FORMAT = 6

_ENDS = 1 << 16
_FEATS = ("inter_feat", "user_feat", "item_feat")
_SETTINGS = (
    *("dataset", "numerical_features", "discretization", "encoding", "field_separator"),
    # In RecBole's list only after a Config has been made; one from a checkpoint is loaded instead.
    *("SCENARIO_FIELD", "scenario_from"),
)
_EXCLUDED = ("preload_weight", "additional_feat_suffix")

#: What a full disk means for a run.
_KEPT = "the run goes on, and the next one reads the data set from its files again"


class DatasetCache:
    """The cache of one data set under one configuration.

    Args:
        config: Configuration, with the files and the settings.
        trained: The vocabularies that the data set takes over from a checkpoint, if it does.
    """

    def __init__(self, config, trained: VocabularyState | None = None) -> None:
        self.config = config
        folder = companion_folder(config["data_path"], config["dataset"], "cache")
        self.folder = folder / self._key(trained)
        #: Where a cache may lie: a read-only data folder may hold one.
        beside = Path(config["data_path"], "cache", self.folder.name)
        self._places = list(dict.fromkeys((self.folder, beside)))

    def _key(self, trained: VocabularyState | None) -> str:
        digest = hashlib.sha256(f"{_FORMAT} {version('recbole')} {version('numpy')}".encode())
        settings = sorted({*dataset_arguments, *_SETTINGS} - {"eval_args"})
        digest.update(repr([(key, self.config[key]) for key in settings]).encode())
        if trained is not None:
            digest.update(trained.fingerprint.encode())
        files = Path(self.config["data_path"]).glob(f"{self.config['dataset']}.*")
        for file in sorted(file for file in files if file.is_file()):
            status = file.stat()
            digest.update(f"{file.name} {status.st_size} {status.st_mtime_ns}".encode())
            with file.open("rb") as content:
                digest.update(content.read(_ENDS))
                content.seek(max(0, status.st_size - _ENDS))
                digest.update(content.read(_ENDS))
        return digest.hexdigest()[:32]

    # -- writing -----------------------------------------------------------------------------------

    def store(self, dataset) -> None:
        """Write a processed data set; the folder is created atomically.

        A data set that does not fit in plain arrays (preloaded weights, discretised sequences) is
        not cached, and is read from its files every time.
        """
        if any(self.config[key] for key in _EXCLUDED) or self.folder.exists():
            return
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            remove_abandoned(self.folder.parent)
            temporary = staging_path(self.folder)
            temporary.mkdir()
        except OSError as error:
            getLogger().warning("The data set is not cached for the next run: %s", error)
            return
        try:
            with naming_full_disk(self.folder, temporary, kept=_KEPT):
                self._write(dataset, temporary)
                for file in temporary.iterdir():  # on the disk before the folder has its name
                    with file.open("rb+") as content:
                        os.fsync(content.fileno())
            temporary.rename(self.folder)
        except (OSError, ValueError, TypeError) as error:
            if not self.folder.exists():  # else another process has made the same
                getLogger().warning("The data set is not cached for the next run: %s", error)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _write(self, dataset, folder: Path) -> None:
        columns: dict[str, dict[str, bool]] = {}
        for name in dataset.feat_name_list:
            feat = getattr(dataset, name)
            columns[name] = {}
            for field in feat:
                ragged = feat[field].dtype == np.dtype(object)
                columns[name][field] = ragged
                self._write_column(folder / f"{name}.{field}", feat[field].to_numpy(), ragged)
        shared: dict[int, str] = {}  # fields of one id space share their tokens
        for field, tokens in dataset.field2id_token.items():
            if shared.setdefault(id(tokens), field) == field:
                np.save(folder / f"tokens.{field}.npy", np.asarray(tokens, dtype=str))
        state = {
            "columns": columns,
            "tokens": {f: shared[id(t)] for f, t in dataset.field2id_token.items()},
            "types": {field: kind.value for field, kind in dataset.field2type.items()},
            "sources": {field: source.value for field, source in dataset.field2source.items()},
            "lengths": dict(dataset.field2seqlen),
            "buckets": dict(dataset.field2bucketnum),
            "alias": {name: list(fields) for name, fields in dataset.alias.items()},
            "rest": list(dataset._rest_fields),
            "sizes": getattr(dataset, "file_size_list", None),
            "names": [dataset.names.names, dataset.names.descriptions],
            "changes": dataset.row_changes.entries,
            "numbers": dataset.number_rules.to_plain(),
            "unknown": dataset.unknown_tokens,
            "unread": dataset.unread_rows,
            "checksums": {file.name: file_checksum(file) for file in folder.iterdir()},
        }
        (folder / "state.json").write_text(json.dumps(with_checksum(state)), encoding="utf-8")

    @staticmethod
    def _write_column(path: Path, values: np.ndarray, ragged: bool) -> None:
        if not ragged:
            np.save(f"{path}.npy", values)
            return
        lengths = np.fromiter(map(len, values), dtype=np.int64, count=len(values))
        flat = np.concatenate([np.asarray(row) for row in values]) if len(values) else np.empty(0)
        if flat.ndim != 1 or flat.dtype == np.dtype(object):
            raise ValueError(f"{path.name} holds nested values")
        np.save(f"{path}.npy", flat)
        np.save(f"{path}.lengths.npy", lengths)

    # -- reading -----------------------------------------------------------------------------------

    def restore(self, dataset) -> Path | None:
        """Fill a data set from the cache; return its folder, ``None`` without a valid one."""
        for folder in self._places:
            if (folder / "state.json").is_file() and self._restore_from(folder, dataset):
                return folder
        return None

    def _restore_from(self, folder: Path, dataset) -> bool:
        try:
            state = _verified_state(folder)
            feats = {
                name: _read_feat(folder, name, columns)
                for name, columns in state["columns"].items()
            }
            tokens = {f: _read(folder, f"tokens.{f}.npy") for f in set(state["tokens"].values())}
        except (OSError, ValueError, KeyError) as error:
            getLogger().warning("%s is damaged and is made anew: %s", folder, error)
            if folder == self.folder:  # else it lies in a read-only folder
                shutil.rmtree(folder, ignore_errors=True)
            return False
        self._fill(dataset, state, feats, tokens)
        with suppress(OSError):
            if folder.stat().st_mode & 0o222:  # its owner could change a read-only file's time
                os.utime(folder / "state.json")  # the time of last use
        return True

    @staticmethod
    def _fill(dataset, state: dict[str, Any], feats: dict, tokens: dict[str, np.ndarray]) -> None:
        sources = {source.value for source in FeatureSource}
        ids = {field: TokenIds(values) for field, values in tokens.items()}
        for name in _FEATS:
            setattr(dataset, name, feats.get(name))
        dataset.feat_name_list = list(feats)
        dataset.field2id_token = {f: tokens[t] for f, t in state["tokens"].items()}
        dataset.field2token_id = {f: ids[t] for f, t in state["tokens"].items()}
        dataset.field2type = {f: FeatureType(kind) for f, kind in state["types"].items()}
        dataset.field2source = {
            f: FeatureSource(s) if s in sources else s for f, s in state["sources"].items()
        }
        dataset.field2seqlen = state["lengths"]
        dataset.field2bucketnum = state["buckets"]
        dataset.alias = {name: np.array(fields) for name, fields in state["alias"].items()}
        dataset._rest_fields = np.array(state["rest"])
        dataset.names = ScenarioNames(*state["names"])
        dataset.row_changes = RowChanges([tuple(entry) for entry in state["changes"]])
        dataset.number_rules = NumberRules.from_plain(state["numbers"])
        dataset.unknown_tokens = state["unknown"]
        dataset.unread_rows = state["unread"]
        if state["sizes"] is not None:
            dataset.file_size_list = state["sizes"]


def _verified_state(folder: Path) -> dict[str, Any]:
    """Return the content of ``state.json`` after comparing the checksum of every file."""
    state = verify_checksum(json.loads((folder / "state.json").read_text(encoding="utf-8")))
    for name, checksum in state["checksums"].items():
        if file_checksum(folder / name) != checksum:
            raise ValueError(f"{name} does not match its checksum")
    return state


def _read(folder: Path, name: str) -> np.ndarray:
    # Mapped copy-on-write: a change to a column does not reach the file.
    return np.load(folder / name, mmap_mode="c", allow_pickle=False)


def _read_feat(folder: Path, name: str, columns: dict[str, bool]) -> pd.DataFrame:
    return pd.DataFrame(
        {field: _read_column(folder, f"{name}.{field}", rag) for field, rag in columns.items()},
        copy=False,  # the columns stay the mapped files
    )


def _read_column(folder: Path, name: str, ragged: bool) -> np.ndarray | list[np.ndarray]:
    values = _read(folder, f"{name}.npy")
    if not ragged:
        return values
    ends = np.cumsum(_read(folder, f"{name}.lengths.npy"))
    return np.split(np.asarray(values), ends[:-1])
