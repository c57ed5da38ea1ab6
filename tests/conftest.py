"""Options and fixtures that every test room shares."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import recbole_llm4msr  # noqa: F401  (makes RecBole importable for every test module)
from tests.fresh_process import ForkServer
from tests.toy import write_toy


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--real-data",
        metavar="DIR",
        help="folder with the real files (amazon-bst/, amazon2014/, amazon2018/); "
        "tests that read them run only when it is given",
    )


@pytest.fixture(scope="session")
def real_data(request: pytest.FixtureRequest) -> Path:
    """The folder of real files; a missing folder is an error, not a skip."""
    given = request.config.getoption("--real-data")
    if given is None:
        pytest.skip("needs --real-data=DIR")
    folder = Path(given).resolve()
    if not (folder / "amazon-bst").is_dir():
        pytest.fail(f"--real-data={given}: no folder amazon-bst in it")
    return folder


@pytest.fixture(scope="session")
def fork_server():
    """Processes that have imported libraries, but neither RecBole nor this package."""
    with ForkServer() as server:
        yield server


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RecBole writes logs and checkpoints below the current folder; no test shall leave any."""
    monkeypatch.chdir(tmp_path)
    # Two threads on a shared core wait for each other; the tests' matrices need one.
    torch.set_num_threads(1)


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """Folder of a small data set named ``toy`` with three scenarios."""
    return write_toy(tmp_path)
