"""The gradient scaler of RecBole's trainer under its present name.

What:     ``recbole.trainer.trainer`` (1.2.1) makes a ``torch.cuda.amp.GradScaler`` every epoch.
Why:      torch 2.4 and later warn of that name, once in every run of a model of RecBole's own.
When not: ``torch.amp.GradScaler("cuda", ...)`` is the same class under the name that stays; no
          other name of ``torch.cuda.amp`` is changed.
"""

from __future__ import annotations

from typing import Any

import recbole.trainer.trainer as recbole_trainer
import torch


class _AmpOfTrainer:
    """``torch.cuda.amp`` as RecBole's trainer sees it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(torch.cuda.amp, name)

    @staticmethod
    def GradScaler(*arguments: Any, **options: Any) -> torch.amp.GradScaler:  # noqa: N802
        """A scaler for CUDA devices."""
        return torch.amp.GradScaler("cuda", *arguments, **options)


def name_scaler_as_today() -> None:
    """Let RecBole's trainer make its scaler by the name that torch has for it today."""
    recbole_trainer.amp = _AmpOfTrainer()
