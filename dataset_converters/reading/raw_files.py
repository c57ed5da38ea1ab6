"""Find and open raw files in a folder, in a zip archive, or compressed with gzip.

Files are read where they are: a zip member or a gzip file is decompressed while it is read, and
nothing is unpacked to disk.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

from dataset_converters.errors import ConverterError
from dataset_converters.reading.byte_stream import ByteStream
from dataset_converters.reading.streams import GzipStream, PlainStream

LINE = "_line"  # column of the line of the raw file that a row begins at, counted from 1


@dataclass(frozen=True)
class RawFile:
    """One raw file: ``path`` itself, or ``member`` of the zip archive ``path``."""

    path: Path
    member: str | None = None

    @property
    def name(self) -> str:
        """Name in messages: ``file.csv``, or ``archive.zip:folder/file.csv``."""
        return f"{self.path.name}:{self.member}" if self.member else self.path.name

    @property
    def base_name(self) -> str:
        """File name without archive and folders."""
        return Path(self.member or self.path).name

    @property
    def size(self) -> int:
        """Value of :meth:`ByteStream.position` at the end of the file, in bytes."""
        if self.member is None:
            return self.path.stat().st_size
        with zipfile.ZipFile(self.path) as archive:
            return archive.getinfo(self.member).file_size

    def open(self) -> ByteStream:
        """Open the file for reading from the start."""
        if self.member is not None:
            try:
                member = zipfile.ZipFile(self.path).open(self.member)  # noqa: SIM115 (the stream's)
            except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
                raise ConverterError(
                    f"{self.name}: cannot be unpacked ({error}); download the archive again"
                ) from error
            return PlainStream(self.name, member)  # type: ignore[arg-type]
        if self.path.suffix == ".gz":
            return GzipStream(self.path)
        return PlainStream(self.name, self.path.open("rb"))


def find_files(source: Path, names: list[str]) -> dict[str, RawFile]:
    """Find raw files by name in a folder or a zip archive, at any depth.

    Args:
        source: A folder or a ``.zip`` file.
        names: File names to look for.

    Returns:
        File by name, for every one of ``names``.

    Raises:
        ConverterError: ``source`` is neither, a name is missing, or a name occurs twice.
    """
    if source.is_dir():
        suffixes = {Path(name).suffix for name in names}
        paths = {path for suffix in suffixes for path in source.rglob(f"*{suffix}")}
        files = [RawFile(path) for path in sorted(paths)]
    elif zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            files = [RawFile(source, member) for member in sorted(archive.namelist())]
    elif not source.exists():
        raise ConverterError(f"--input={source}: there is no such file or folder")
    else:
        raise ConverterError(f"--input={source}: neither a folder nor a valid zip archive")
    by_name: dict[str, RawFile] = {}
    for name in names:
        matches = [file for file in files if file.base_name == name]
        matches = [file for file in matches if "__MACOSX" not in (file.member or "")]
        if len(matches) > 1:
            places = ", ".join(str(file.member or file.path) for file in matches)
            raise ConverterError(f"{source}: {name} occurs more than once ({places})")
        if not matches:
            existing = ", ".join(file.base_name for file in files[:8]) or "none"
            raise ConverterError(f"{source}: missing file {name} (files there: {existing})")
        by_name[name] = matches[0]
    return by_name
