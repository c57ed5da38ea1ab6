"""Multi-scenario recommendation with the knowledge of a large language model, in RecBole.

Importing this package makes RecBole 1.2.1 run on today's stack and makes its models known to
RecBole: ``recbole.utils.get_model("LLM4MSR_STAR")`` and ``recbole.quick_start`` find them.
"""

from recbole_llm4msr import compat

compat.apply()

from recbole_llm4msr.run.registration import publish  # noqa: E402  (RecBole has to be importable first)

publish()

from recbole_llm4msr.compat import CheckpointError  # noqa: E402
from recbole_llm4msr.config import Config, ConfigError  # noqa: E402
from recbole_llm4msr.data import MultiScenarioDataset, create_dataset  # noqa: E402
from recbole_llm4msr.model import (  # noqa: E402
    LLM4MSR,
    MultiScenarioRecommender,
    get_model,
    register_backbone,
)
from recbole_llm4msr.quick_start import (  # noqa: E402
    load_data_and_model,
    objective_function,
    run,
)
from recbole_llm4msr.run.preparation import data_preparation  # noqa: E402
from recbole_llm4msr.training.trainer import get_trainer  # noqa: E402

__all__ = [
    "LLM4MSR",
    "CheckpointError",
    "Config",
    "ConfigError",
    "MultiScenarioDataset",
    "MultiScenarioRecommender",
    "create_dataset",
    "data_preparation",
    "get_model",
    "get_trainer",
    "load_data_and_model",
    "objective_function",
    "register_backbone",
    "run",
]
