"""Make the gradient scaler of RecBole's trainer by its current name in torch.

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


def use_current_grad_scaler() -> None:
    """Let RecBole's trainer call ``torch.amp.GradScaler``."""
    recbole_trainer.amp = _AmpOfTrainer()
