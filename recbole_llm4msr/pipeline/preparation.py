"""Split a data set into loaders, and make the knowledge that the model reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import recbole.data
from recbole.data.dataset import Dataset
from recbole.data.interaction import Interaction
from torch.utils.data import RandomSampler

from recbole_llm4msr.data import MultiScenarioDataset
from recbole_llm4msr.data.feature_checks import warn_of_large_values
from recbole_llm4msr.data.loading.packed import PackedLoader, can_pack
from recbole_llm4msr.data.loading.scenario_sampler import with_scenario_sampling
from recbole_llm4msr.knowledge import prepare_knowledge
from recbole_llm4msr.knowledge.vectors.features import attach_features
from recbole_llm4msr.model import LLM4MSR, backbone_of
from recbole_llm4msr.model.llm4msr import KNOWLEDGE_INDEX

#: Training rows; RecBole counts a model's operations on the second one.
_LEAST_ROWS = 2


def data_preparation(config, dataset: Dataset) -> tuple:
    """Make the loaders of training, validation and test rows.

    For a model that reads knowledge it is made here, from the rows of the training split, and set
    as ``train_data.dataset.knowledge``, where the model finds it.

    Returns:
        ``(train_data, valid_data, test_data)``; the first draws its rows as ``scenario_sampling``
        says.

    Raises:
        ValueError: A setting on unbalanced scenarios or on the order of the training rows does not
            fit the model, the data or another setting.
    """
    if config["scenario_loss_weight"] is not None and backbone_of(config.model_class) is None:
        raise ValueError(
            f"scenario_loss_weight: {config['model']} is a model of RecBole's own, with a loss of "
            "its own; scenario_sampling balances scenarios for it"
        )
    train, *others = recbole.data.data_preparation(config, dataset)
    if len(train.dataset) < _LEAST_ROWS:
        raise ValueError(
            f"eval_args: {len(train.dataset)} of the {len(dataset)} rows of "
            f"{dataset.dataset_name} are training rows, and training needs {_LEAST_ROWS} or more"
        )
    warn_of_large_values(train.dataset)
    loaders = (with_scenario_sampling(config, train), *others)
    splits = [loader.dataset for loader in loaders]
    if config.uses_knowledge:
        attach_knowledge(config, splits)
    for split in splits:
        if isinstance(split, MultiScenarioDataset):
            split.exclude_exact_times_from_batches()
    return _packed(config, loaders)


def _packed(config, loaders: Sequence) -> tuple:
    """Pack the loaders that can be packed (``packed_loader``), in the order the options ask for."""
    packs = [config["packed_loader"] and can_pack(loader) for loader in loaders]
    by_user = issubclass(config.model_class, LLM4MSR) and config["meta_plan"] != "rows"
    options = {"by_user": by_user, **_blocks(config, loaders[0], packs[0])}
    return tuple(
        PackedLoader(loader, config["device"], **options) if pack else loader
        for loader, pack in zip(loaders, packs, strict=True)
    )


def _blocks(config, train, is_packed: bool) -> dict[str, Any]:
    """Options of the packed training loader for ``user_block_size``."""
    size = 1 if config["user_block_size"] is None else config["user_block_size"]
    if size == 1:
        return {}
    if not (is_packed and type(train.sampler) is RandomSampler):
        raise ValueError(
            "user_block_size needs shuffled training rows with labels, one process, and "
            "`packed_loader: True` and `scenario_sampling: natural`"
        )
    # Rows of a user that are trained with different knowledge (knowledge_folds) share none of it.
    has_own = KNOWLEDGE_INDEX in train.dataset.inter_feat.interaction
    field = KNOWLEDGE_INDEX if has_own else train.dataset.uid_field
    return {"block_size": size, "block_field": field}


def attach_knowledge(config, splits: Sequence[MultiScenarioDataset]) -> None:
    """Make or re-use the knowledge of the training split, and set it there.

    Args:
        config: Configuration; ``knowledge_features`` also makes plain features of the vectors.
        splits: The training split, then the others.
    """
    train, *others = splits
    knowledge = prepare_knowledge(config, train.training_history())
    train.set_knowledge(knowledge)
    if knowledge is None:
        train.logger.info("Knowledge: none, so the model runs without it.")
        return
    train.logger.info(knowledge.summary)
    width = knowledge.user.shape[1]
    if config.place_of("knowledge_size") and width < config["knowledge_size"]:
        train.logger.warning(
            f"knowledge_size: {config['knowledge_size']} is more than the data has; the vectors "
            f"are {width} wide"
        )
    if knowledge.item is not None and knowledge.train_index is None:
        train.logger.warning(
            "item_knowledge without cross-fitting: a training row's item stands in its own user's "
            "prompt, and the model learns to recognise it. Set knowledge_folds to 5."
        )
    if knowledge.train_index is not None:
        train.inter_feat.update(Interaction({KNOWLEDGE_INDEX: knowledge.train_index}))
    if config["knowledge_features"]:
        spec, seed = config["knowledge_features"], config["knowledge_seed"]
        attach_features(train, others, knowledge, spec, seed)
        for split in splits:
            split.config = config  # which has the new fields among its numerical_features
