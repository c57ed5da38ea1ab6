"""Save and load checkpoints without executing code in them.

What:     ``Config`` leaves the model class and the yaml loader out of its pickle, the few plain
          classes a checkpoint then holds are allowed in ``torch.load(weights_only=True)``, and
          the trainer saves with torch's own pickle protocol instead of protocol 4.
Why:      since torch 2.6 ``torch.load`` refuses every class it does not know, and it cannot read
          protocol 4 without executing it; both break ``Trainer.evaluate``, ``resume_checkpoint``
          and ``load_data_and_model`` of RecBole 1.2.1. ``weights_only=False`` would execute
          whatever a file says.
When not: a checkpoint written so is read by any torch, with and without this package.
"""

from __future__ import annotations

from collections import defaultdict
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import recbole.trainer.trainer as recbole_trainer
import torch
from recbole.config import Config
from recbole.utils import EvaluatorType, InputType, ModelType, get_model
from scipy.sparse import coo_matrix, csc_matrix, csr_matrix, lil_matrix

from recbole_llm4msr.compat.checkpoint_file import load_checkpoint, save_checkpoint

#: Parts of a Config that are classes: rebuilt when it is loaded instead of pickled.
_REBUILT = ("model_class", "yaml_loader")


#: Types of arrays; what arrays of objects hold is under the same rule as all else.
_NUMBERS = ("float32", "float64", "int32", "int64", "bool", "object")


class _TorchOfTrainer:
    """``torch`` as RecBole's trainer sees it: the same, but for saving and loading."""

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    @staticmethod
    def save(state: dict[str, Any], file: str | Path, pickle_protocol: int = 2) -> None:
        """Save with torch's own protocol, whatever is asked for."""
        save_checkpoint(state, file)

    @staticmethod
    def load(file: str | Path, map_location: torch.device | str = "cpu") -> dict[str, Any]:
        """Load a checkpoint that is whole; the message of an error names the file."""
        return load_checkpoint(file, map_location)


def _config_state(config: Config) -> dict[str, Any]:
    return {key: value for key, value in vars(config).items() if key not in _REBUILT}


def _restore_config(config: Config, state: dict[str, Any]) -> None:
    vars(config).update(state)
    config.yaml_loader = config._build_yaml_loader()
    try:
        config.model_class = get_model(state["model"])
    except (ValueError, AttributeError, ImportError):
        # A class that was handed over as such has no name RecBole could find it by. (It looks for
        # an unknown name among its tree models last, whose libraries may not be installed.)
        config.model_class = None


def _copy_config(config: Config, memo: dict[int, Any]) -> Config:
    """A deep copy keeps the classes as they are, whatever their names."""
    twin = memo[id(config)] = type(config).__new__(type(config))
    vars(twin).update(
        {k: v if k in _REBUILT else deepcopy(v, memo) for k, v in vars(config).items()}
    )
    return twin


def allow_classes(*more: type) -> None:
    """Allow in checkpoints what RecBole's hold, and the classes given."""
    if not hasattr(Config, "__setstate__"):
        Config.__getstate__ = _config_state
        Config.__setstate__ = _restore_config
        Config.__deepcopy__ = _copy_config
        recbole_trainer.torch = _TorchOfTrainer()
    # What pickled numpy numbers and arrays are rebuilt by.
    scalar, array = np.float64(0).__reduce__()[0], np.zeros(1).__reduce__()[0]
    torch.serialization.add_safe_globals(
        [
            Config,
            EvaluatorType,
            InputType,
            ModelType,
            np.dtype,
            *(type(np.dtype(name)) for name in _NUMBERS),
            scalar,
            # The name that numpy 1 gave the same function, for checkpoints made with it.
            (scalar, "numpy.core.multiarray.scalar"),
            # Plain data that some of RecBole's models keep beside their weights (EASE, ItemKNN).
            array,
            (array, "numpy.core.multiarray._reconstruct"),
            np.ndarray,
            np.matrix,
            defaultdict,
            list,
            *(csr_matrix, csc_matrix, coo_matrix, lil_matrix),
            *more,
        ]
    )
