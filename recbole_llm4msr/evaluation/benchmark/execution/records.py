"""Finished runs, read from and appended to ``runs.jsonl``."""

from __future__ import annotations

import io
import json
import os
import warnings
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import polars as pl

from dataset_converters.full_disk import naming_full_disk
from recbole_llm4msr.util.checksum import (
    ChecksumError,
    file_checksum,
    verify_checksum,
    with_checksum,
)

_KEPT = (
    "the runs recorded before are kept. Free some space and run the same command again, which "
    "continues"
)


class RecordError(ValueError):
    """A line of a file of runs is not a run."""


@dataclass(frozen=True)
class Run:
    """One training with one seed, and its result.

    Attributes:
        run: Row in the tables; several seeds share one.
        model: Name of the model.
        dataset: Name of the data set.
        seed: Seed.
        settings: Configuration other than the defaults.
        valid: Validation metrics at the best epoch; ``None`` where one cannot be computed.
        test: Test metrics of that epoch, with the same keys.
        baseline: Row that it is compared with.
        phase: ``final``, or ``trial`` of tuning.
        curve: ``valid_metric`` at each evaluation.
        epochs: Epochs trained.
        seconds: Seconds by phase of the run.
        parameters: Number of trained parameters.
        predictions: Parquet file of the test rows' scores, relative to the folder of the runs.
        predictions_crc32: CRC-32 of that file; ``None`` in older files.
        versions: Versions of Python and of the libraries.
        git_commit: Commit of this package's checkout; ``None`` where it was installed.
        code: Fingerprint of this package's source files; ``None`` in older files.
        data: Fingerprint of the data set's files; ``None`` if it is not known.
    """

    run: str
    model: str
    dataset: str
    seed: int
    settings: dict[str, Any]
    valid: dict[str, float | None]
    test: dict[str, float | None]
    baseline: str | None = None
    phase: str = "final"
    curve: list[float | None] = field(default_factory=list)
    epochs: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    parameters: int = 0
    predictions: str | None = None
    predictions_crc32: int | None = None
    versions: dict[str, str | None] = field(default_factory=dict)
    git_commit: str | None = None
    code: str | None = None
    data: str | None = None

    @classmethod
    def from_json(cls, line: str | bytes) -> Run:
        """Parse a line. Lines of files written before version 0.2 have no checksum.

        Raises:
            RecordError: It is not a JSON object, its checksum differs, or a key is missing or
                unknown.
        """
        try:
            content = json.loads(line)
        except ValueError as error:  # or the bytes are not text
            raise RecordError(f"not valid JSON: {error}") from error
        try:
            content = verify_checksum(content, required=False)
        except ChecksumError as error:
            raise RecordError(str(error)) from error
        unknown = set(content) - {f.name for f in fields(cls)}
        if unknown:
            raise RecordError(f"unknown key {min(unknown)!r}")
        try:
            return cls(**content)
        except TypeError as error:
            raise RecordError(str(error).replace("Run.__init__()", "the run is")) from error

    def to_json(self) -> str:
        """Return the run and its checksum as one line of JSON, without the line end."""
        return json.dumps(with_checksum(asdict(self)), allow_nan=False)


def read_predictions(folder: Path, run: Run) -> pl.DataFrame:
    """Read the predictions of a run after comparing their checksum.

    Raises:
        RecordError: The file is damaged.
    """
    path = folder / str(run.predictions)
    remedy = (
        "Delete the file, and the run has no intervals, or delete its lines in runs.jsonl, too, "
        "and it is trained again"
    )
    if run.predictions_crc32 is not None and file_checksum(path) != run.predictions_crc32:
        raise RecordError(f"{path}: damaged, it does not match its checksum. {remedy}")
    try:
        return pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise RecordError(f"{path}: damaged ({error}). {remedy}") from error


def append_run(path: Path, run: Run) -> None:
    """Append a line for ``run`` and flush it to the disk.

    A last line that a killed process cut off is removed.

    Raises:
        FullDiskError: The disk is full; the file is as it was.
    """
    with naming_full_disk(path, kept=_KEPT):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        with path.open("r+b", buffering=0) as file:
            before = file.readall()
            whole = before.rfind(b"\n") + 1
            end = len(before) if _is_json(before[whole:]) else whole
            line = (b"\n" if end > whole else b"") + run.to_json().encode() + b"\n"
            file.truncate(end)  # without what a process that was killed had written
            file.seek(end)
            try:
                _write_all(file, line)
                os.fsync(file.fileno())
            except OSError:
                file.truncate(end)
                raise


def _write_all(file: io.RawIOBase, content: bytes) -> None:
    """Write without a buffer, which would be written once more when the file is closed."""
    while content:
        content = content[file.write(content) :]


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def read_runs(path: Path) -> list[Run]:
    """Read the runs of a file, in its order.

    Raises:
        RecordError: A line is not a run; the message names file and line. A last line that a
            killed process cut off is a warning.
    """
    lines = path.read_bytes().split(b"\n")
    runs = []
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            runs.append(Run.from_json(line))
        except RecordError as error:
            if number == len(lines) and not _is_json(line):
                warnings.warn(f"{path}, line {number}: cut off, left out ({error})", stacklevel=2)
                continue
            raise RecordError(f"{path}, line {number}: {error}") from error
    return runs
