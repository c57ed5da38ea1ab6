"""The small data sets of this room, loaded once."""

import pytest
import torch

from .small import SmallData, write_dataset


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Small matrices are multiplied fastest, and always in the same order, by one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("small")


@pytest.fixture(scope="session")
def small(data_folder) -> SmallData:
    """Three scenarios, with token, float and token_seq features."""
    write_dataset(data_folder, "three", 3)
    return SmallData.load(data_folder, "three")


@pytest.fixture(scope="session")
def only_ids(data_folder) -> SmallData:
    """Three scenarios, users and items, and nothing else."""
    write_dataset(data_folder, "ids", 3, only_ids=True)
    return SmallData.load(data_folder, "ids", only_ids=True)


@pytest.fixture(scope="session")
def one_scenario(data_folder) -> SmallData:
    write_dataset(data_folder, "one", 1)
    return SmallData.load(data_folder, "one")


@pytest.fixture(scope="session")
def two_scenarios(data_folder) -> SmallData:
    write_dataset(data_folder, "two", 2)
    return SmallData.load(data_folder, "two")


@pytest.fixture(scope="session")
def ten_scenarios(data_folder) -> SmallData:
    write_dataset(data_folder, "ten", 10)
    return SmallData.load(data_folder, "ten")
