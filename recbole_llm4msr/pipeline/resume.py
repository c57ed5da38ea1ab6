"""Check a checkpoint whose training a run continues (``resume``)."""

from __future__ import annotations

from logging import getLogger
from pathlib import Path
from typing import Any

from recbole_llm4msr.compat import load_checkpoint
from recbole_llm4msr.config import Config, ConfigError

#: Settings that change no weight: where files lie, what is shown, how long it is trained.
_FREE = frozenset(
    "resume epochs data_path checkpoint_dir result_json save_predictions compare show_progress "
    "state gpu_id use_gpu device worker local_rank eval_batch_size dataset_cache knowledge_build "
    "knowledge_path log_wandb wandb_project config_files".split()
)


def check_resume(config: Config) -> None:
    """Check that a run can continue the training of ``resume``; warn of settings that differ.

    Args:
        config: Configuration of the run.

    Raises:
        FileNotFoundError, CheckpointError: The file is missing or damaged.
        ConfigError: It is of another model or data set, or has been trained for all epochs.
    """
    file = config["resume"]
    if not file:
        return
    checkpoint = load_checkpoint(Path(file))
    trained, done = checkpoint["config"], checkpoint["epoch"] + 1
    for key in ("model", "dataset"):
        if trained[key] != config[key]:
            raise ConfigError(
                f"resume: {file} is of the {key} {trained[key]}, and this run of {config[key]}"
            )
    if config["epochs"] <= done:
        raise ConfigError(
            f"resume: {file} has been trained for {done} epochs; with epochs: {config['epochs']} "
            f"none is left. Set --epochs={done + 1} or more"
        )
    changed = _changed_settings(trained, config)
    if changed:
        getLogger().warning(
            "resume: %s was trained with other settings, so that the result is not that of one "
            "training: %s",
            file,
            "; ".join(changed),
        )


def _changed_settings(trained: Any, config: Config) -> list[str]:
    """``key: then, now`` of the settings that differ."""
    then, now = trained.final_config_dict, config.final_config_dict
    return [
        f"{key}: {then.get(key)}, now {now.get(key)}"
        for key in sorted({*then, *now} - _FREE)
        if str(then.get(key)) != str(now.get(key))
    ]
