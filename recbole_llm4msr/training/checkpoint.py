"""Checkpoints of a trainer: a file of its own, written atomically, with the data's vocabulary."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import torch

from dataset_converters.full_disk import naming_full_disk
from recbole_llm4msr import compat
from recbole_llm4msr.data.vocabulary_state import changed_fields, encode
from recbole_llm4msr.training.claimed_file import (
    claim_unused,
    release,
    remove_abandoned_claims,
)
from recbole_llm4msr.training.training_state import capture_state, restore_state
from recbole_llm4msr.util.atomic_write import atomic_write
from recbole_llm4msr.util.collectives import of_first_process
from recbole_llm4msr.util.staging import remove_abandoned


class CheckpointMixin:
    """Mixin for RecBole trainers: checkpoints that can be loaded on changed data.

    The configuration in a checkpoint carries ``trained_data``, the vocabulary and ranges of the
    training data (:mod:`recbole_llm4msr.data.vocabulary_state`), ``trained_folder``, the
    absolute path of its files, and ``training_state``, with which a training is resumed
    (:mod:`recbole_llm4msr.training.training_state`).
    """

    def __init__(self, config, model: torch.nn.Module) -> None:
        super().__init__(config, model)
        self._proposed_file = self.saved_model_file  # None once a name has been claimed
        self.distributed = not config["single_spec"]
        self._train_loader: Any = None
        self._state: dict[str, Any] | None = None
        self.valid_result: dict[str, float] | None = None  # of the latest validation
        self._resumed: tuple[Path, Any] | None = None

    def fit(self, train_data, *args: Any, **kwargs: Any) -> tuple[float, dict]:
        """RecBole's training, with checkpoints in a file that no other run writes.

        Raises:
            ValueError: A checkpoint was resumed whose ids are not those of these data.
        """
        self._train_loader, self._state = train_data, None
        if self._resumed is not None:
            self._check_vocabulary(*self._resumed, getattr(train_data, "dataset", None))
            state = getattr(self._resumed[1], "training_state", None)
            if state is not None and not self.distributed:
                restore_state(state, self, train_data)
        saved = kwargs.get("saved", args[2] if len(args) > 2 else True)
        if saved:
            self._claim_file()
        try:
            return super().fit(train_data, *args, **kwargs)
        finally:
            if saved:
                release(Path(self.saved_model_file))

    def evaluate(self, eval_data, *args: Any, **kwargs: Any) -> dict[str, float] | None:
        """RecBole's evaluation, after a ``model_file`` has been checked against the data.

        Raises:
            ValueError: ``model_file`` was trained with other ids than those of these data.
        """
        file = kwargs.get("model_file", args[1] if len(args) > 1 else None)
        if file and eval_data and kwargs.get("load_best_model", args[0] if args else True):
            trained = compat.load_checkpoint(file)["config"]
            self._check_vocabulary(Path(file), trained, eval_data.dataset)
        return super().evaluate(eval_data, *args, **kwargs)

    def _valid_epoch(self, valid_data, show_progress: bool = False) -> tuple[float, dict]:
        """RecBole's validation, whose result is kept for the checkpoint of this epoch."""
        score, self.valid_result = super()._valid_epoch(valid_data, show_progress)
        return score, self.valid_result

    def _check_vocabulary(self, file: Path, trained: Any, dataset: Any) -> None:
        """Check that a checkpoint's ids are those of a data set."""
        state = getattr(trained, "trained_data", None)
        if state is None:
            self.logger.warning(
                "%s holds no vocabulary, so whether its ids are those of these data is not known",
                file,
            )
            return
        differing = changed_fields(state, dataset)
        if differing:
            raise ValueError(
                f"{file}: the checkpoint was trained with other ids or ranges than these data have "
                f"({', '.join(differing)}): rows in another order are enough. Use the "
                "configuration and the loaders of load_data_and_model for this file, which keep "
                "its ids, or the files it was trained with."
            )

    def _claim_file(self) -> None:
        """Claim a name for the checkpoint's file that no other run has.

        RecBole's name holds the second, which two runs can share; each would then read the other's
        best model. Unfinished files that killed runs left beside it are removed.
        """
        if self.saved_model_file == self._proposed_file:
            path = Path(self.saved_model_file)
            if not self.distributed or torch.distributed.get_rank() == 0:
                with naming_full_disk(path):
                    path = claim_unused(path)
                folder = path.parent
                left = remove_abandoned(folder) + remove_abandoned_claims(folder, path.suffix)
                for file in left:
                    self.logger.info("Removed %s, which a killed run had left unfinished", file)
            self.saved_model_file = str(of_first_process(path) if self.distributed else path)
        self._proposed_file = None

    def _save_checkpoint(self, epoch: int, verbose: bool = True, **kwargs: Any) -> None:
        """Write RecBole's checkpoint atomically.

        It holds the configuration (see :mod:`recbole_llm4msr.compat.checkpoint`) with the
        vocabulary, the weights, with a fingerprint in the place of the knowledge vectors, the
        optimiser's state, the epoch and the best validation score.

        Raises:
            OSError: It cannot be written; an earlier checkpoint is as it was.
        """
        has_name = "saved_model_file" in kwargs
        if self._proposed_file is not None and not (has_name or self.distributed):
            self._claim_file()
        path = kwargs.pop("saved_model_file", self.saved_model_file)
        if not self.distributed or self.config["local_rank"] == 0:
            with atomic_write(path) as temporary, self._config_with_data():
                super()._save_checkpoint(epoch, verbose=False, saved_model_file=temporary, **kwargs)
        if self.distributed:  # no process reads the file before it is complete
            torch.distributed.barrier()
        if verbose:
            self.logger.info("Saving current: %s", path)

    @contextlib.contextmanager
    def _config_with_data(self):
        """Let RecBole save a configuration that carries the vocabulary of the training data."""
        config = self.config
        train_set = getattr(self._train_loader, "dataset", None)
        if self._state is None and train_set is not None:
            self._state = encode(train_set)  # once a training, not once an epoch
        if self._train_loader is not None:
            self.config = compat.copy_config(config)
            self.config.training_state = capture_state(self, self._train_loader)
            for name in ("trained_knowledge", "use_trained_knowledge"):  # of an earlier checkpoint
                vars(self.config).pop(name, None)
        if self._state is not None:
            self.config.trained_data = self._state
            self.config.trained_folder = str(Path(config["data_path"]).absolute())
        try:
            yield
        finally:
            self.config = config

    def resume_checkpoint(self, resume_file: str | Path) -> None:
        """Resume RecBole's way, after the file has been checked.

        Whether its ids are those of the data is checked when the training starts.

        Raises:
            FileNotFoundError, CheckpointError: The file is not a plain checkpoint.
        """
        checkpoint = compat.load_checkpoint(resume_file)
        self._check_resumed(checkpoint)
        self._resumed = Path(resume_file), checkpoint["config"]
        super().resume_checkpoint(resume_file)
        self._proposed_file = None  # the training goes on in this file, whatever its name

    def _check_resumed(self, checkpoint: dict[str, Any]) -> None:
        """Check whether this trainer can go on with a checkpoint; may raise ValueError."""
