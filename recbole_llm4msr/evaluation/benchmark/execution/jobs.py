"""Jobs: the model, data, seed and settings of one run, and the key that identifies them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: Settings that do not change the result of a run, only where it works and what it prints.
_NEUTRAL_KEYS = ("data_path", "knowledge_path", "use_gpu", "gpu_id", "state", "show_progress")


class JobError(RuntimeError):
    """A run ended without a result."""


@dataclass(frozen=True)
class Job:
    """One model to train with one seed.

    Attributes:
        label: Row of the table it belongs to.
        model: Name of the model.
        dataset: Name of the data set.
        seed: Seed.
        settings: Configuration.
        baseline: Row that it is compared with.
        phase: ``trial`` of tuning, or ``final``.
        data: Fingerprint of the data set's files.
        trial: Number of the trial among those of its row, from 1; ``None`` for a final run.
    """

    label: str
    model: str
    dataset: str
    seed: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    baseline: str | None = None
    phase: str = "final"
    data: str | None = None
    trial: int | None = None

    @property
    def key(self) -> str:
        """Key of the result: the same for all jobs that train the same, whatever their label."""
        return key_of(self.model, self.dataset, self.seed, self.settings)

    @property
    def name(self) -> str:
        """Name within its row: ``trial 3`` or ``seed 2020``."""
        return f"seed {self.seed}" if self.trial is None else f"trial {self.trial}"


def key_of(model: str, dataset: str, seed: int, settings: Mapping[str, Any]) -> str:
    """Return the key of a run; two runs with the same key have the same result."""
    text = json.dumps([model, dataset, seed, recorded_settings(settings)], sort_keys=True)
    return f"{model}-{seed}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def recorded_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that can change the result of a run."""
    return {key: value for key, value in settings.items() if key not in _NEUTRAL_KEYS}
