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
from dataset_converters.full_disk import naming_full_disk, reason_of
from dataset_converters.staging import (
    interrupted_replacements,
    move_into,
    remove_abandoned,
    replace_folder,
    staging_path,
)
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
        ConverterError: The folder holds a data set and ``overwrite`` is false, now or when this
            one is complete.
        FullDiskError: The disk is full.
    """

    def __init__(self, output: Path, *, overwrite: bool = False) -> None:
        self.name = output.absolute().name
        self.output = output.resolve()  # so a symbolic link to the folder stays a link
        if not self.name or not re.fullmatch(r"[\w.+-]+", self.name):
            raise ConverterError(f"--output={output}: the folder's name is the data set's name")
        if self.output.is_file():  # one look: other processes may be replacing the folder
            raise ConverterError(f"--output={output} is a file, not a folder")
        if os.path.ismount(self.output):  # Path.is_mount fails where it is being replaced
            raise ConverterError(f"--output={output} is a mount point; give a folder inside it")
        self._finish_interrupted_replacement()
        self.overwrite = overwrite
        if not overwrite:
            self._refuse_existing()
        self.staging = staging_path(self.output)
        self._tables: list[AtomicTable] = []

    def _refuse_existing(self) -> None:
        existing = sorted(path.name for path in self._dataset_files(self.output))
        if existing:
            raise ConverterError(
                f"--output={self.output} already holds a data set ({', '.join(existing[:4])}); "
                "give another folder, or --overwrite to replace it"
            )

    def _dataset_files(self, folder: Path) -> list[Path]:
        names = {REJECTED, *(f"{self.name}.{suffix}" for suffix in _SUFFIXES)}
        with suppress(FileNotFoundError, NotADirectoryError):
            return [path for path in folder.iterdir() if path.name in names]
        return []

    def _finish_interrupted_replacement(self) -> None:
        """Complete or undo a replacement during which the process was killed."""
        for former in interrupted_replacements(self.output):
            self._keep_other_files(former)

    def _keep_other_files(self, former: Path) -> None:
        """Move files that are not of the data set out of a replaced folder, then remove it."""
        with suppress(FileNotFoundError):  # another process finishes the same replacement
            for path in self._dataset_files(former):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            for path in former.iterdir():
                move_into(path, self.output)
            former.rmdir()

    def __enter__(self) -> DatasetWriter:
        self.output.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(self.output.parent, self.output.name)
        self.staging.mkdir()
        return self

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
            with naming_full_disk(self.output, self.staging):
                self._close_tables(failed=kind is not None)
                if error is not None and reason_of(error):
                    raise error
            if kind is None:
                self._move_into_place()
        finally:
            shutil.rmtree(self.staging, ignore_errors=True)

    def _close_tables(self, *, failed: bool) -> None:
        for table in self._tables:
            # On a full disk closing fails too; the error of writing is the one to raise.
            with suppress(OSError) if failed else nullcontext():
                table.close()

    def _move_into_place(self) -> None:
        def check() -> None:
            if not self.overwrite:
                self._refuse_existing()  # made by another process in the meantime

        check()
        for former in replace_folder(self.staging, self.output, check):
            self._keep_other_files(former)
