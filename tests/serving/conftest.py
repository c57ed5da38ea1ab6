"""Exported models of the toy data, made once."""

from __future__ import annotations

import json
import os
import shutil
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from filelock import FileLock

from recbole_llm4msr import load_data_and_model, run
from recbole_llm4msr.serving import Artefact, Scorer
from recbole_llm4msr.serving.export import parts
from recbole_llm4msr.serving.export.run import export_checkpoint
from tests.toy import toy_settings, write_toy

from .quick_exports import one_registry

#: Options of the export; the others are of the training.
EXPORT = ("user_layers", "with_history", "with_encoder")


@dataclass
class Exported:
    """A trained model, its artefact, and what torch predicts for the test rows."""

    checkpoint: Path
    folder: Path
    manifest: dict[str, Any]
    result: dict[str, Any]

    def torch_scores(self) -> tuple[pl.DataFrame, np.ndarray]:
        """The test rows in raw tokens, and the scores of the trained model."""
        _, model, _, _, _, test = load_data_and_model(self.checkpoint, device="cpu")
        dataset = test.dataset
        ids = dataset.inter_feat
        rows = pl.DataFrame(
            {name: dataset.raw_tokens(name, ids[name].numpy()) for name in
             ("user_id", "item_id", "scenario")}
        )  # fmt: skip
        with torch.no_grad():
            scores = model.eval().predict(dataset.join(ids)).numpy()
        return rows, scores


@pytest.fixture(scope="session")
def export_toy(tmp_path_factory) -> Callable[..., Exported]:
    """Train a model on the toy data and export it, once for all worker processes.

    ``own_graphs`` is the largest number of scenarios that have graphs of their own.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent

    def make(name: str, own_graphs: int = 0, **options: Any) -> Exported:
        key = json.dumps([name, own_graphs, options], sort_keys=True)
        folder = shared / f"exported-{zlib.crc32(key.encode()):08x}"
        done = folder / "result.json"
        with FileLock(f"{folder}.lock"):
            if not done.is_file():
                result = _train_and_export(folder, name, own_graphs, options)
                done.write_text(json.dumps(result))
        artefact = folder / "artefact"
        manifest = Artefact.open(artefact).manifest
        checkpoint = next((folder / "saved").glob("*.pth"))
        return Exported(checkpoint, artefact, manifest, json.loads(done.read_text()))

    return make


def _train_and_export(folder: Path, name: str, own_graphs: int, options: dict) -> dict[str, Any]:
    write_toy(folder)
    export = {key: options[key] for key in EXPORT if key in options}
    options = {key: value for key, value in options.items() if key not in export}
    settings = toy_settings(folder, learning_rate=0.02, **options)
    result = run(name, "toy", config_dict=settings, command_line=[])
    with one_registry(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "OWN_GRAPHS", own_graphs)
        export_checkpoint(next((folder / "saved").glob("*.pth")), folder / "artefact", **export)
    return {"test_result": dict(result["test_result"])}


@pytest.fixture(scope="session")
def star(export_toy) -> Exported:
    """LLM4MSR_STAR, with graphs for each scenario, the seen items, and the encoder of users."""
    return export_toy("LLM4MSR_STAR", own_graphs=8, with_history=True, with_encoder=True)


@pytest.fixture(scope="session")
def scorer(star) -> Scorer:
    return Scorer.load(star.folder)


@pytest.fixture
def altered(star, tmp_path) -> Path:
    """A copy of the artefact that a test may damage."""
    return shutil.copytree(star.folder, tmp_path / "altered")
