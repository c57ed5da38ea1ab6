"""Small raw files, and RecBole made to start on today's numpy."""

from pathlib import Path

import numpy as np
import pytest
from kuaisar_samples import COLUMNS, SOUND

from dataset_converters.simulate import simulate_kuaisar


@pytest.fixture(scope="session")
def raw_kuaisar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated release of about 40 users."""
    folder = tmp_path_factory.mktemp("raw") / "kuaisar"
    simulate_kuaisar(folder, scale=0.001, seed=3)
    return folder


@pytest.fixture
def tiny_kuaisar(tmp_path: Path) -> Path:
    """A handful of rows written by hand; a test may change them."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    for name, rows in SOUND.items():
        (folder / name).write_text("\n".join([COLUMNS[name], *rows]) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def old_numpy_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """RecBole 1.2.1 asks numpy for names that numpy 2 dropped."""
    names = {"float_": np.float64, "complex_": np.complex128, "unicode_": np.str_}
    names |= {"bool8": np.bool_, "object0": np.object_, "int0": np.intp, "str0": np.str_}
    for name, value in names.items():
        if not hasattr(np, name):
            monkeypatch.setattr(np, name, value, raising=False)
