"""A small log in every format, and short ways to convert and to read it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dataset_converters.table import TableOptions, convert_table
from dataset_converters.writing import Report
from tests.dataset_converters.reference_reading import read_atomic

LOG = [
    "uid,iid,tab,click,ts,watch,tags,price",
    "007,a,home,1,1685001600,3.5,x|y,10",
    "007,b,home,0,1685001601,,x,2",
    "8,a,search,1,1685001602,0.25,y z|w,",
    "NA,null,search,0,1685001603,1.5,,7",
]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write lines to a file of the test's folder."""

    def write_lines(name: str, lines: list[str] | str, encoding: str = "utf-8") -> Path:
        text = lines if isinstance(lines, str) else "\n".join(lines) + "\n"
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write_lines


@pytest.fixture
def convert(tmp_path: Path) -> Callable[..., Report]:
    """Convert files to the data set ``d`` of the test's folder."""

    def convert_files(*paths: Path, dry_run: bool = False, **options: object) -> Report:
        given = TableOptions(overwrite=True, **options)  # type: ignore[arg-type]
        return convert_table(list(paths), tmp_path / "out" / "d", given, dry_run=dry_run)

    return convert_files


@pytest.fixture
def rows(tmp_path: Path) -> Callable[..., list[dict[str, str]]]:
    """Read a file of the data set ``d``: a mapping of column (without type) to text per row."""

    def read_rows(suffix: str = "inter") -> list[dict[str, str]]:
        header, cells = read_atomic(tmp_path / "out" / "d" / f"d.{suffix}")
        names = [name.partition(":")[0] for name in header]
        return [dict(zip(names, row, strict=True)) for row in cells]

    return read_rows
