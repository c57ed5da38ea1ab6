"""An input file of any format: its columns, a first sample, all rows in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import polars as pl

from dataset_converters.errors import ConverterError
from dataset_converters.reading import (
    LINE,
    Column,
    Dialect,
    RawFile,
    Rejects,
    read_csv_rows,
    read_json_columns,
    read_parquet_rows,
)
from dataset_converters.writing import Reporter

SAMPLE_BYTES, _SAMPLE_ROWS = 1 << 20, 20_000


@dataclass
class Source:
    """One input file.

    Attributes:
        file: The file.
        format: ``text``, ``json`` or ``parquet``.
        columns: Column names; each ``text``, ``list`` or ``time`` (parquet's moments).
        names: Name in the file by column name; they differ in atomic files (``age:token``).
        declared: RecBole type by column, of atomic files.
        left_out: Columns that cannot be read, with the reason.
        dialect: Of a text file.
        header: Column names of a text file without a header.
        allow_truncated: Use a truncated gzip stream up to its last whole line.
    """

    file: RawFile
    format: str
    columns: dict[str, str]
    names: dict[str, str] = field(default_factory=dict)
    declared: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    dialect: Dialect = field(default_factory=Dialect)
    header: list[str] | None = None
    allow_truncated: bool = False

    @property
    def stem(self) -> str:
        """Name of the file without its suffixes, the scenario with ``--scenario-from=file``."""
        name = self.file.base_name.removesuffix(".gz")
        return name.rpartition(".")[0] or name

    def frames(
        self, columns: list[str], rejects: Rejects, reporter: Reporter, notes: list[str]
    ) -> Iterator[pl.DataFrame]:
        """Read columns block by block.

        Yields:
            Frames with text, lists of text, or moments, and ``_line``.
        """
        truncation = notes if self.allow_truncated else None
        yield from self._read(columns, rejects, reporter, notes, truncation)

    def sample(self) -> pl.DataFrame:
        """Return the first rows, without the bad ones among them."""
        ignored = Rejects(limit=SAMPLE_BYTES)
        quiet = Reporter(quiet=True)
        with quiet.running():
            rows = self._read(list(self.columns), ignored, quiet, [], [], sample=True)
            frame = next(rows, None)
            rows.close()  # type: ignore[attr-defined]
        if frame is None:
            raise ConverterError(f"{self.file.name}: the file has no rows")
        return frame.head(_SAMPLE_ROWS).drop(LINE)

    def _read(
        self,
        columns: list[str],
        rejects: Rejects,
        reporter: Reporter,
        notes: list[str],
        truncation: list[str] | None,
        *,
        sample: bool = False,
    ) -> Iterator[pl.DataFrame]:
        if self.format == "parquet":
            rows = {"block_rows": _SAMPLE_ROWS} if sample else {}
            yield from read_parquet_rows(self.file, columns, reporter, **rows)
        elif self.format == "json":
            yield from read_json_columns(
                self.file,
                {name: self.columns[name] for name in columns},
                rejects,
                reporter,
                known={*self.columns, *self.left_out},
                notes=notes,
                truncation_notes=truncation,
            )
        else:
            yield from read_csv_rows(
                self.file,
                [Column(name, "raw", (self.names.get(name, name),)) for name in columns],
                rejects,
                reporter,
                header=self.header,
                truncation_notes=truncation,
                dialect=self.dialect,
                block_bytes=SAMPLE_BYTES if sample else None,
            )
