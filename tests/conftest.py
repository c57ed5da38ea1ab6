"""Options and fixtures that every test room shares."""

from pathlib import Path

import pytest


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
    folder = Path(given)
    if not (folder / "amazon-bst").is_dir():
        pytest.fail(f"--real-data={given}: no folder amazon-bst in it")
    return folder
