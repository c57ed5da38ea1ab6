"""Export a trained model: all files of an artefact, checked against torch before it appears."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from recbole.data.dataset import Dataset
from torch import nn

from dataset_converters.full_disk import naming_full_disk
from recbole_llm4msr.model import LLM4MSR
from recbole_llm4msr.serving.artefact import Artefact
from recbole_llm4msr.serving.errors import ExportError
from recbole_llm4msr.serving.export import evaluate, parts
from recbole_llm4msr.serving.export.knowledge_facts import knowledge_facts
from recbole_llm4msr.serving.export.user_encoder import write_user_encoder
from recbole_llm4msr.serving.export.user_layers import PRECISIONS, Precision
from recbole_llm4msr.serving.manifest import write_manifest
from recbole_llm4msr.serving.scorer import Scorer
from recbole_llm4msr.util.requirement import installed_version
from recbole_llm4msr.util.staging import (
    interrupted_replacements,
    remove_abandoned,
    replace_folder,
    staging_path,
)

_PACKAGES = ("recbole_llm4msr", "recbole", "torch", "onnx", "onnxscript", "onnxruntime")


def export_model(
    config,
    model: nn.Module,
    train: Dataset,
    test: Dataset,
    output: str | Path,
    *,
    user_layers: Precision = "float32",
    with_history: bool = False,
    with_encoder: bool = False,
    overwrite: bool = False,
    report: Callable[[str], None] = lambda step: None,
) -> dict[str, Any]:
    """Write an artefact of a trained model; it appears when it is complete and checked.

    Args:
        config: Configuration of the model.
        model: The trained model, on the CPU. Its tables are renumbered.
        train: Its training split.
        test: Its test split, whose scores and metrics are checked and recorded.
        output: The folder to make.
        user_layers: Precision of the stored user layers.
        with_history: Whether the items that users have seen, which are training data, are stored.
        with_encoder: Whether template, texts of items and encoder are stored, which make the layers
            of new users.
        overwrite: Whether an existing artefact is replaced.
        report: Called with the name of every step.

    Returns:
        The manifest.

    Raises:
        ExportError: The model or an option cannot be exported, or the folder exists.
        FullDiskError: The disk is full; nothing is left there, and an existing artefact is kept.
    """
    output = Path(output)
    check_options(output, user_layers, overwrite)
    if with_encoder:
        _check_has_layers(config, model)
    report("reference scores")
    reference = evaluate.reference_scores(model, test)
    rows = evaluate.raw_rows(model, test)
    remove_abandoned(output.parent)
    staging = staging_path(output)
    try:
        with naming_full_disk(output, staging):
            staging.mkdir(parents=True)
            source = parts.Source.of(model, train)
            content = _write_parts(config, source, staging, with_history, report)
            if with_encoder:
                report("encoder of users")
                write_user_encoder(config, source, staging)
            report("test rows")
            scores = _scores(staging, content, rows)
            content["check"] = {
                "rows": len(reference),
                "tolerance": evaluate.TOLERANCE,
                "difference": evaluate.check_same(scores, reference),
            }
            content["test"] = evaluate.metrics_of(config, test, scores)
            if source.has_user_layers and user_layers != "float32":
                report(f"user layers in {user_layers}")
                exact = content["test"]
                content["user_layer"] = parts.write_user_layers(source, staging, user_layers)
                content["test"] = evaluate.metrics_of(config, test, _scores(staging, content, rows))
                cost = {key: round(value - exact[key], 6) for key, value in content["test"].items()}
                content["user_layer"]["difference_to_float32"] = cost
            write_manifest(staging, content)
            _flush(staging)
        manifest = Artefact.open(staging, verify=False).manifest
        for former in replace_folder(staging, output, lambda: check_folder(output, overwrite)):
            shutil.rmtree(former)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return manifest


def check_options(output: Path, user_layers: str, overwrite: bool) -> None:
    """Check the options before anything is loaded.

    Raises:
        ExportError: An option is not valid, or the folder exists.
    """
    if user_layers not in PRECISIONS:
        raise ExportError(f"user_layers: {user_layers!r} is not one of {', '.join(PRECISIONS)}")
    for former in interrupted_replacements(output):
        shutil.rmtree(former, ignore_errors=True)
    check_folder(output, overwrite)


def check_folder(output: Path, overwrite: bool) -> None:
    """Check that the folder may be written.

    Raises:
        ExportError: It exists and may not be replaced.
    """
    if output.exists() and not overwrite:
        raise ExportError(f"{output} exists already; give another folder, or --overwrite")
    if output.exists() and not (output / "manifest.json").is_file():
        raise ExportError(f"{output} exists and is not an artefact; it is not overwritten")


def _check_has_layers(config, model: nn.Module) -> None:
    has_layers = isinstance(model, LLM4MSR) and (model.user_meta or model.item_meta)
    if not has_layers or config["knowledge_features"]:
        what = "knowledge_features is set" if has_layers else "it has no user layers"
        raise ExportError(
            f"with_encoder: {config['model']} cannot make layers of new users: {what}"
        )


def _write_parts(
    config,
    source: parts.Source,
    folder: Path,
    with_history: bool,
    report: Callable[[str], None],
) -> dict[str, Any]:
    """Write everything but the manifest; return what that says."""
    model, train = source.model, source.train
    report("vocabularies and features")
    content: dict[str, Any] = {
        "model": config["model"],
        "dataset": config["dataset"],
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": {name: installed_version(name) or "not installed" for name in _PACKAGES},
        "user_field": train.uid_field,
        "item_field": train.iid_field,
        "scenario_field": getattr(train, "scenario_field", None),
        "scenarios": _scenarios(train),
        "fields": [field.to_json() for field in source.fields],
        "vocabularies": parts.write_vocabularies(source, folder),
        "history": with_history,
        "user_layer": None,
        "knowledge": None,
    }
    parts.write_features(source, folder)
    if with_history:
        parts.write_history(source, folder)
    if isinstance(model, LLM4MSR) and model.knowledge is not None:
        parts.write_knowledge(source, folder)
        content["knowledge"] = knowledge_facts(config, model)
    if source.has_user_layers:
        report("user layers")
        content["user_layer"] = parts.write_user_layers(source, folder, "float32")
    content["graphs"] = parts.write_graphs(source, folder, report)
    return content


def _scores(folder: Path, content: dict[str, Any], rows: pl.DataFrame) -> np.ndarray:
    """Scores of the test rows through the artefact as it is so far."""
    write_manifest(folder, content)
    return evaluate.score_split(Scorer(Artefact.open(folder, verify=False)), rows)


def _flush(folder: Path) -> None:
    """Write all files of a folder to the disk."""
    readable = (folder / "manifest.json").stat().st_mode
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(readable)  # some libraries write files that others cannot read
            with path.open("rb+") as file:
                os.fsync(file.fileno())


def _scenarios(train: Dataset) -> list[dict[str, str]]:
    if getattr(train, "scenario_field", None) is None:
        return []
    columns = (train.scenario_tokens, train.scenario_names, train.scenario_descriptions)
    return [
        {"token": token, "name": name, "description": description}
        for token, name, description in zip(*columns, strict=True)
    ]
