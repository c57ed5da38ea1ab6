"""Fixtures: small raw files, and the numpy names that RecBole needs."""

from pathlib import Path

import numpy as np
import pytest

from dataset_converters.simulation import simulate_kuaisar
from tests.dataset_converters.kuaisar_samples import COLUMNS, VALID


@pytest.fixture(scope="session")
def raw_kuaisar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated release of about 40 users."""
    folder = tmp_path_factory.mktemp("raw") / "kuaisar"
    simulate_kuaisar(folder, scale=0.001, seed=3)
    return folder


@pytest.fixture
def tiny_kuaisar(tmp_path: Path) -> Path:
    """Raw files of a few rows, in a folder that the test may change."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    for name, rows in VALID.items():
        (folder / name).write_text("\n".join([COLUMNS[name], *rows]) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def old_numpy_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add the names that RecBole 1.2.1 uses and numpy 2 removed."""
    names = {"float_": np.float64, "complex_": np.complex128, "unicode_": np.str_}
    names |= {"bool8": np.bool_, "object0": np.object_, "int0": np.intp, "str0": np.str_}
    for name, value in names.items():
        if not hasattr(np, name):
            monkeypatch.setattr(np, name, value, raising=False)
