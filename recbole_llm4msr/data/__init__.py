"""Data sets with scenarios, their loaders, and the training history that prompts are made of."""

from recbole_llm4msr.data.atomic import AtomicFileError, read_atomic
from recbole_llm4msr.data.creation import create_dataset, ensure_dataset
from recbole_llm4msr.data.dataset import MultiScenarioDataset
from recbole_llm4msr.data.history import TrainingHistory
from recbole_llm4msr.data.scenario import ScenarioError

__all__ = [
    "AtomicFileError",
    "MultiScenarioDataset",
    "ScenarioError",
    "TrainingHistory",
    "create_dataset",
    "ensure_dataset",
    "read_atomic",
]
