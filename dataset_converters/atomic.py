"""Writing atomic files so that a data set appears complete or not at all."""

from __future__ import annotations

import io
import os
import re
import shutil
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from pathlib import Path
from types import TracebackType

import polars as pl
import yaml

from dataset_converters.errors import ConverterError

#: File of the raw rows that were left out, with the reason.
REJECTED = "rejected.jsonl"

_SUFFIXES = ("inter", "user", "item", "scenario", "yaml")  # of the files of a data set
_SLICE = 1_000_000  # rows turned into text at a time


class AtomicTable:
    """One atomic file, written slice by slice.

    Args:
        path: File to write.
        fields: Column name to RecBole type (``token``, ``float``, ``token_seq``,
            ``float_seq``), in the order of the file.
    """

    def __init__(self, path: Path, fields: Mapping[str, str]) -> None:
        self.fields = dict(fields)
        self.rows = 0
        self._file = path.open("wb")
        header = "\t".join(f"{name}:{kind}" for name, kind in self.fields.items())
        self._file.write(header.encode() + b"\n")

    def write(self, frame: pl.DataFrame) -> None:
        """Append the rows of ``frame``, which has (at least) the columns of the file.

        Nulls become empty fields. A double quote becomes two apostrophes: readers of atomic
        files disagree about quotes (RecBole's takes one at the start of a field for the opening
        of a quoted field, others take it as it is), and a title such as ``12" vinyl`` must
        be the same in all of them.
        """
        frame = frame.select(list(self.fields))
        for part in frame.iter_slices(_SLICE):
            text = _as_text(part)
            if b'"' in text:
                words = pl.col(pl.String).str.replace_all('"', "''", literal=True)
                text = _as_text(part.with_columns(words))
            tabs, lines = text.count(b"\t"), text.count(b"\n")
            if tabs != part.height * (part.width - 1) or lines != part.height or b"\r" in text:
                raise AssertionError("a tab or line break reached an atomic file")
            self._file.write(text)
        self.rows += frame.height

    def close(self) -> None:
        """Flush the file to disk."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()


def _as_text(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_csv(buffer, include_header=False, separator="\t", quote_style="never")
    return buffer.getvalue()


class DatasetWriter:
    """A data set's folder: made beside its place, moved there when everything is written.

    Used as a context manager. Leaving it by an exception removes what was written and leaves an
    existing data set as it was.

    Args:
        output: Folder of the data set; its name is the name of the data set.
        overwrite: Replace the atomic files of an existing data set. Whatever else lies in the
            folder (knowledge, notes) is kept.

    Raises:
        ConverterError: The folder holds a data set and ``overwrite`` is false.
    """

    def __init__(self, output: Path, *, overwrite: bool = False) -> None:
        self.name = output.absolute().name
        self.output = output.resolve()  # a link to a folder on a larger disk stays one
        if not self.name or not re.fullmatch(r"[\w.+-]+", self.name):
            raise ConverterError(f"--output={output}: the folder's name is the data set's name")
        if self.output.exists() and not self.output.is_dir():
            raise ConverterError(f"--output={output} is a file, not a folder")
        if self.output.is_mount():
            raise ConverterError(f"--output={output} is a mount point; give a folder inside it")
        self._recover()
        held = [path.name for path in self._own_files(self.output)]
        if held and not overwrite:
            raise ConverterError(
                f"--output={output} already holds a data set ({', '.join(sorted(held)[:4])}); "
                "give another folder, or --overwrite to replace it"
            )
        self.staging = self.output.parent / f".{self.output.name}.partial-{os.getpid()}"
        self._tables: list[AtomicTable] = []

    def _own_files(self, folder: Path) -> list[Path]:
        if not folder.is_dir():
            return []
        own = {REJECTED, *(f"{self.name}.{suffix}" for suffix in _SUFFIXES)}
        return [path for path in folder.iterdir() if path.name in own]

    def _recover(self) -> None:
        """Finish or undo a replacement that a kill cut in two."""
        for former in self.output.parent.glob(f".{self.output.name}.former-*"):
            if _is_running(former.name.rpartition("-")[2]):
                continue
            if self.output.exists():
                self._bring_over(former)
            else:
                former.rename(self.output)

    def _bring_over(self, former: Path) -> None:
        """Keep what is not ours of a replaced folder; then it is gone."""
        for path in self._own_files(former):
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
        """Remove what a killed run of the past left; a run that is alive keeps its folder."""
        for path in self.output.parent.glob(f".{self.output.name}.partial-*"):
            owner = path.name.rpartition("-")[2]
            if owner == str(os.getpid()) or not _is_running(owner):
                shutil.rmtree(path, ignore_errors=True)

    def table(self, suffix: str, fields: Mapping[str, str]) -> AtomicTable:
        """Begin the file ``<name>.<suffix>``."""
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
                # On a full disk closing fails as writing did, whose error is on its way already.
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
        self._bring_over(former)


def _is_running(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
