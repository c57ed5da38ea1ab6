"""Write a data set's folder atomically: it appears complete, or not at all."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from pathlib import Path
from types import TracebackType

import yaml

from dataset_converters.errors import ConverterError
from dataset_converters.writing.atomic_table import AtomicTable

REJECTED = "rejected.jsonl"  # file of the bad rows that were left out, with the reason
_SUFFIXES = ("inter", "user", "item", "scenario", "yaml")  # files of a data set


class DatasetWriter:
    """Write the folder of a data set under a temporary name and rename it when it is complete.

    Used as a context manager. An exception removes the temporary folder and leaves an existing
    data set unchanged.

    Args:
        output: Folder of the data set; its name is the name of the data set.
        overwrite: Replace the atomic files of an existing data set. Other files in the folder
            (knowledge, notes) are kept.

    Raises:
        ConverterError: The folder holds a data set and ``overwrite`` is false.
    """

    def __init__(self, output: Path, *, overwrite: bool = False) -> None:
        self.name = output.absolute().name
        self.output = output.resolve()  # so a symbolic link to the folder stays a link
        if not self.name or not re.fullmatch(r"[\w.+-]+", self.name):
            raise ConverterError(f"--output={output}: the folder's name is the data set's name")
        if self.output.exists() and not self.output.is_dir():
            raise ConverterError(f"--output={output} is a file, not a folder")
        if self.output.is_mount():
            raise ConverterError(f"--output={output} is a mount point; give a folder inside it")
        self._finish_interrupted_replacement()
        existing = [path.name for path in self._dataset_files(self.output)]
        if existing and not overwrite:
            raise ConverterError(
                f"--output={output} already holds a data set ({', '.join(sorted(existing)[:4])}); "
                "give another folder, or --overwrite to replace it"
            )
        self.staging = self.output.parent / f".{self.output.name}.partial-{os.getpid()}"
        self._tables: list[AtomicTable] = []

    def _dataset_files(self, folder: Path) -> list[Path]:
        if not folder.is_dir():
            return []
        names = {REJECTED, *(f"{self.name}.{suffix}" for suffix in _SUFFIXES)}
        return [path for path in folder.iterdir() if path.name in names]

    def _finish_interrupted_replacement(self) -> None:
        """Complete or undo a replacement during which the process was killed."""
        for former in self.output.parent.glob(f".{self.output.name}.former-*"):
            if _is_running(former.name.rpartition("-")[2]):
                continue
            if self.output.exists():
                self._keep_other_files(former)
            else:
                former.rename(self.output)

    def _keep_other_files(self, former: Path) -> None:
        """Move files that are not of the data set out of a replaced folder, then remove it."""
        for path in self._dataset_files(former):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in former.iterdir():
            path.rename(self.output / path.name)
        former.rmdir()

    def __enter__(self) -> DatasetWriter:
        self.output.parent.mkdir(parents=True, exist_ok=True)
        self._remove_leftovers()
        self.staging.mkdir()
        return self

    def _remove_leftovers(self) -> None:
        """Remove temporary folders of killed processes; those of running ones are kept."""
        for path in self.output.parent.glob(f".{self.output.name}.partial-*"):
            process = path.name.rpartition("-")[2]
            if process == str(os.getpid()) or not _is_running(process):
                shutil.rmtree(path, ignore_errors=True)

    def table(self, suffix: str, fields: Mapping[str, str]) -> AtomicTable:
        """Open the file ``<name>.<suffix>`` for writing."""
        table = AtomicTable(self.staging / f"{self.name}.{suffix}", fields)
        self._tables.append(table)
        return table

    def yaml(self, settings: Mapping[str, object], heading: str) -> None:
        """Write ``<name>.yaml``, the configuration that ``--dataset=<name>`` reads."""
        text = yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True, width=100)
        comment = "".join(f"# {line}\n" for line in heading.splitlines())
        (self.staging / f"{self.name}.yaml").write_text(comment + text, encoding="utf-8")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            for table in self._tables:
                # On a full disk closing fails too; the error of writing is the one to raise.
                with suppress(OSError) if kind else nullcontext():
                    table.close()
            if kind is None:
                self._move_into_place()
        finally:
            shutil.rmtree(self.staging, ignore_errors=True)

    def _move_into_place(self) -> None:
        if not self.output.exists():
            self.staging.rename(self.output)
            return
        former = self.output.parent / f".{self.output.name}.former-{os.getpid()}"
        self.output.rename(former)
        self.staging.rename(self.output)
        self._keep_other_files(former)


def _is_running(process: str) -> bool:
    """Return whether a process of this number exists."""
    try:
        os.kill(int(process), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
