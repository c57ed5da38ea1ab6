"""The state of a training beside weights and optimiser: random numbers, and what it has measured.

With it a resumed training draws the numbers that the interrupted one would have drawn: the order of
rows, dropout, sampled negatives.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch


def capture_state(trainer: Any, loader: Any) -> dict[str, Any]:
    """Copy the state at the end of an epoch, as plain data that a checkpoint can hold.

    Args:
        trainer: The trainer, which has the losses and validation results so far. A checkpoint is
            written after the best validation, or after every epoch where there is none.
        loader: The training loader.
    """
    version, words, gauss = random.getstate()
    generator, keys, position, has_gauss, cached = np.random.get_state()
    loaders = getattr(loader, "generator", None)
    return {
        "python": [version, list(words), gauss],
        "numpy": [generator, keys.tolist(), position, has_gauss, cached],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if trainer.device.type == "cuda" else [],
        "loader": None if loaders is None else loaders.get_state(),
        "losses": {epoch: float(loss) for epoch, loss in trainer.train_loss_dict.items()},
        "valid_curve": list(getattr(trainer, "valid_curve", [])),
        "valid_result": {key: float(v) for key, v in (trainer.valid_result or {}).items()},
    }


def restore_state(state: dict[str, Any], trainer: Any, loader: Any) -> None:
    """Continue from a state: random numbers, losses and validation results.

    Args:
        state: What :func:`capture_state` returned.
        trainer: The trainer that goes on.
        loader: Its training loader.
    """
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    generator, keys, *rest = state["numpy"]
    np.random.set_state((generator, np.array(keys, dtype=np.uint32), *rest))
    torch.set_rng_state(state["torch"].cpu())
    if trainer.device.type == "cuda" and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all([part.cpu() for part in state["cuda"]])
    if state["loader"] is not None:
        loader.generator.set_state(state["loader"].cpu())
    sampler = getattr(loader, "sampler", None)
    if hasattr(sampler, "set_epoch"):  # it draws by the number of the epoch
        sampler.set_epoch(trainer.start_epoch)
    trainer.train_loss_dict = dict(state["losses"])
    trainer.valid_result = trainer.best_valid_result = dict(state["valid_result"]) or None
    if hasattr(trainer, "valid_curve"):
        trainer.valid_curve = list(state["valid_curve"])
