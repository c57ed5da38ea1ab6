"""Releases of KuaiSAR: open the raw files, and detect which release they are."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

from dataset_converters.errors import ConverterError
from dataset_converters.reading import RawFile, find_files

ITEM_TYPES = ("VIDEO", "IMAGE_ATLAS", "USER", "LIVE", "COMMODITY", "MUSIC", "ADVERT")
_FILES = ["src_inter.csv", "rec_inter.csv", "user_features.csv", "item_features.csv"]
_SMALL_ENDS = 1685515800 + 3600  # 2023-05-31 14:50 in Beijing, plus an hour of tolerance


@dataclass(frozen=True)
class Release:
    """A published release: names of archive and folder, numbers of rows."""

    archive: str
    folder: str
    search_rows: int
    recommendation_rows: int


RELEASES = {
    "small": Release("KuaiSAR.zip", "KuaiSAR_final", 3_171_231, 7_493_101),
    "full": Release("KuaiSAR_v2.zip", "KuaiSAR_v2", 5_059_169, 14_605_716),
}


@dataclass(frozen=True)
class RawRelease:
    """The raw files of one release.

    Attributes:
        files: Raw file by file name.
        simulated: Whether the simulator wrote them.
    """

    files: dict[str, RawFile]
    simulated: bool


def open_release(source: Path, release: str | None) -> RawRelease:
    """Find the raw files in a folder, in a zip archive, or in a zip archive inside the folder.

    Raises:
        ConverterError: A file is missing, or there are two releases and ``release`` is None.
    """
    if source.is_dir() and not any(source.rglob("*.csv")):
        archives = sorted(source.glob("*.zip"))  # a damaged one is reported by find_files
        if release is not None and len(archives) > 1:
            archives = [path for path in archives if path.name == RELEASES[release].archive]
        if len(archives) > 1:
            names = ", ".join(path.name for path in archives)
            raise ConverterError(
                f"{source}: several archives ({names}); give one of them as --input, or --release"
            )
        if archives:
            source = archives[0]
    elif source.is_dir() and release is not None:
        inside = source / RELEASES[release].folder
        source = inside if inside.is_dir() else source
    simulated = source.is_dir() and any(source.rglob("SIMULATED.txt"))
    if not source.is_dir() and zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            simulated = any(Path(name).name == "SIMULATED.txt" for name in archive.namelist())
    return RawRelease(find_files(source, _FILES), simulated)


def detect_release(raw: RawRelease, last: float) -> str:
    """Detect the release by the folder that the files are in, or else by the end of the logs.

    Args:
        raw: The raw files.
        last: Latest moment of the logs, in unix seconds.
    """
    file = raw.files["rec_inter.csv"]
    path = f"{file.path}/{file.member or ''}"
    for name, release in RELEASES.items():
        if f"/{release.folder}/" in path:
            return name
    return "full" if last > _SMALL_ENDS else "small"
