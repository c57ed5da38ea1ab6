"""Load a checkpoint with data: the files it was trained on, moved, reordered or changed."""

from __future__ import annotations

from logging import getLogger
from pathlib import Path
from typing import Any

import torch

from recbole_llm4msr import compat
from recbole_llm4msr.data.vocabulary_state import changed_fields
from recbole_llm4msr.model.rare_ids import fit_shared_rows, set_unknown_rows
from recbole_llm4msr.pipeline.experiment import build_model, load_dataset, prepare_data


def load_data_and_model(
    model_file: str | Path,
    data_path: str | Path | None = None,
    device: str | torch.device | None = None,
    *,
    trained_knowledge: bool = False,
    assume_same_data: bool = False,
) -> tuple:
    """Load a checkpoint and its data set in a fresh process; ids are assigned by raw token.

    A row gets the score it had in training, whatever the order of the rows and files is now.
    Numbers are filled, normalised and put into buckets as in training. Rows with a user, item or
    feature that training has not seen are kept and scored as the padding id 0; one warning counts
    them. For users and items of a context-aware model its embedding is that of the rare ids with
    ``min_count``, else the mean of all (:func:`~recbole_llm4msr.model.rare_ids.set_unknown_rows`);
    other models have no row for them, and a warning says that their scores mean nothing. A
    ``.user`` or ``.item`` row of such a user or item is not read, which is told too.

    Args:
        model_file: The ``.pth`` file.
        data_path: Folder that holds the data set's folder, or that folder itself; where left out,
            that of the training run, from the current folder or from where it ran.
        device: Where the model goes, as ``"cpu"``; where left out, as in training, if that is here.
        trained_knowledge: Whether a model that reads knowledge gets the vectors of the training run
            from the store where the data would give others now. Otherwise this is an error.
        assume_same_data: Whether a checkpoint without a vocabulary, which other versions and
            RecBole itself write, is loaded: right only if the files are exactly those of training.

    Returns:
        ``(config, model, dataset, train_data, valid_data, test_data)``, as in RecBole.

    Raises:
        FileNotFoundError: There is no such file or data set.
        CheckpointError: It is not a checkpoint, it is damaged, or it holds more than one may.
        ScenarioError: The data have a scenario that the model was not trained for.
        ValueError: The fields are not those of training, the knowledge at hand is not what the
            model was trained with, or the checkpoint holds no vocabulary.
    """
    # One process, on what this machine has, wherever and by however many it was trained.
    checkpoint = compat.load_checkpoint(model_file)
    trained = checkpoint["config"]
    if device is None:
        device = "cuda" if trained["use_gpu"] and torch.cuda.is_available() else "cpu"
    device = torch.device(device)
    config = compat.copy_config(
        trained,
        device=device,
        use_gpu=device.type == "cuda",
        single_spec=True,
        local_rank=0,
        data_path=_data_folder(trained, data_path),
    )
    compat.init_logger(config)
    state = getattr(trained, "trained_data", None)
    if state is None:
        _check_without_vocabulary(model_file, assume_same_data)
    config.trained_knowledge = checkpoint["state_dict"].get("knowledge._extra_state")
    config.use_trained_knowledge = trained_knowledge
    data = prepare_data(config, load_dataset(config))
    if state is not None:
        _check_ids(model_file, state, data.train.dataset)
    model = build_model(config, data.train.dataset)
    fit_shared_rows(model, checkpoint["state_dict"])
    model.load_state_dict(checkpoint["state_dict"])
    model.load_other_parameter(checkpoint.get("other_parameter"))
    _warn_of_untrained_rows(config, data.dataset, set_unknown_rows(model, config))
    return config, model, *data


def _warn_of_untrained_rows(config: Any, dataset: Any, scored: set[str]) -> None:
    """Warn of unknown users and items for which the model has no row that training has changed.

    Args:
        config: Configuration.
        dataset: The data set.
        scored: Fields of users and items whose unknown ids have a row of their own.
    """
    unknown = getattr(dataset, "unknown_tokens", {})
    keys = [config["USER_ID_FIELD"], config["ITEM_ID_FIELD"]]
    lost = [field for field in keys if field in unknown and field not in scored]
    if lost:
        rows = " and ".join(f"{unknown[field][1]:,} with an unknown {field}" for field in lost)
        getLogger().warning(
            "%s has learnt nothing of users and items that training has not seen, so that the "
            "scores of these rows mean nothing (%s); leave the rows out, or train again",
            config["model"],
            rows,
        )


def _data_folder(trained: Any, given: str | Path | None) -> str:
    """The folder with the data set's files.

    Raises:
        FileNotFoundError: ``given`` does not hold the data set, or the folder of training is gone.
    """
    name, there = trained["dataset"], Path(trained["data_path"])
    if given is not None:
        folders = [Path(given) / name, Path(given)]
    else:
        folders = [there, Path(getattr(trained, "trained_folder", there))]
        if not getattr(trained, "trained_folder", None):
            return str(there)  # which can still be downloaded, or is RecBole's own
    for folder in folders:
        if any(folder.glob(f"{name}.*inter")):
            return str(folder)
    if given is None and trained["download"]:
        return str(there)
    raise FileNotFoundError(
        f"data_path: there is no {name}.inter in {' or '.join(dict.fromkeys(map(str, folders)))}; "
        f"give load_data_and_model the folder that holds the folder {name}, as data_path"
    )


def _check_without_vocabulary(file: str | Path, assume_same_data: bool) -> None:
    """Refuse a checkpoint whose ids cannot be compared with those of the data, or warn."""
    reason = (
        f"{file} holds no vocabulary (an earlier version or RecBole wrote it), so its ids are "
        "right only if the files are exactly those it was trained with, rows in the same order"
    )
    if not assume_same_data:
        raise ValueError(f"{reason}. If they are, set assume_same_data=True; else train again.")
    getLogger().warning(reason)


def _check_ids(file: str | Path, state: dict, dataset: Any) -> None:
    """Check that a data set has the ids of the checkpoint, as some of RecBole's classes do not."""
    differing = changed_fields(state, dataset)
    if differing:
        raise ValueError(
            f"{file}: the data now give other ids or ranges than training for "
            f"{', '.join(differing)}, and {type(dataset).__name__} cannot assign those of "
            "training. Use the files it was trained with."
        )
