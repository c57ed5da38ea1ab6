"""Configuration, training history, options and store of the commands ``knowledge ...``."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recbole_llm4msr.cli.errors import read_settings
from recbole_llm4msr.config.checks_before_import import check_settings

if TYPE_CHECKING:
    from recbole_llm4msr.knowledge.options import KnowledgeOptions
    from recbole_llm4msr.knowledge.store.store import KnowledgeStore

Dataset = Annotated[str, typer.Option(help="Name of the data set.")]
Llm = Annotated[
    str | None, typer.Option(help="Folder or hub id of a model, or its name at an endpoint.")
]
Files = Annotated[
    str, typer.Option("--config_files", help="Configuration files, separated by blanks.")
]
Store = Annotated[Path | None, typer.Option(help="Folder of the store.")]


def load_history(
    context: typer.Context, dataset: str, files: str, llm: str | None, **keys: Any
) -> tuple[Any, Any]:
    """Return the configuration and the training history that a run would have."""
    if llm is not None:
        keys["llm"] = llm
    config = read_config(context, dataset, files, **keys)
    from recbole_llm4msr.pipeline.experiment import training_history

    with warnings.catch_warnings():
        # RecBole 1.2.1 uses forms that pandas 2 warns about, many lines of them.
        warnings.simplefilter("ignore", FutureWarning)
        return config, training_history(config)


def read_config(context: typer.Context, dataset: str, files: str, **keys: Any) -> Any:
    """Return the configuration that a run with these settings would have."""
    given = read_settings(context)
    given |= {key: value for key, value in keys.items() if value is not None}
    if not (files or "model" in given):  # they may bring keys of their own
        check_settings(dataset, given)
    from recbole_llm4msr.config import Config

    if "llm" in given and "knowledge" not in given:
        given["knowledge"] = "endpoint" if given.get("endpoint_url") else "transformers"
    model = given.pop("model", "LLM4MSR_STAR")
    return Config(model, dataset, files.split(), given, command_line=[])


def knowledge_options(config: Any) -> KnowledgeOptions:
    """Return the knowledge options of a configuration.

    Raises:
        ValueError: It makes no knowledge.
    """
    from recbole_llm4msr.knowledge.options import KnowledgeOptions

    options = KnowledgeOptions.from_config(config)
    if options.knowledge == "none":
        raise ValueError("knowledge: none makes nothing; give --knowledge or --llm")
    return options


def open_store(context: typer.Context, store: Path | None, dataset: str | None) -> KnowledgeStore:
    """Open the store of a folder or of a data set.

    Raises:
        ValueError: Neither is given, there is no such folder, or it is not a store.
    """
    if store is not None and context.args:
        raise ValueError(f"{' '.join(context.args)!r} is not an option of this command")
    if store is None and dataset is None:
        raise ValueError("give --store FOLDER or --dataset NAME")
    if store is not None and not store.is_dir():  # before the libraries are imported
        raise ValueError(f"{store}: there is no such folder")
    config = None
    if store is None:
        config = read_config(context, dataset, str(read_settings(context).get("config_files", "")))
    from recbole_llm4msr.knowledge.options import KnowledgeOptions
    from recbole_llm4msr.knowledge.store.maintenance import check_store
    from recbole_llm4msr.knowledge.store.store import KnowledgeStore, store_of

    if config is None:
        opened = KnowledgeStore(store)
    else:
        opened = store_of(config, KnowledgeOptions.from_config(config), dataset)
        if opened.also_read is not None and not opened.folder.is_dir():
            opened = KnowledgeStore(opened.also_read)  # nothing was made beside it
    for folder in opened.folders:
        if not folder.is_dir():
            raise ValueError(f"{folder}: there is no such folder")
        check_store(folder)
    return opened
