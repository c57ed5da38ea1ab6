"""The commands of the trials: arguments, what they start from, and the result to compare."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl
from safetensors.numpy import load_file

from tests.reliability.workplace import Workplace
from tests.toy import write_toy

_DATA = ("--dataset=toy", "--data_path=data", "--use_gpu=False")
_RUN = (*_DATA, "--epochs=2", "--train_batch_size=256", "--state=ERROR", "--knowledge_size=8")

TRAINING = ("--model=LLM4MSR_STAR", *_RUN, "--result_json=result.json",
            "--save_predictions=predictions.parquet")  # fmt: skip
BUILD = ("knowledge", "build", *_DATA, "--knowledge_size=8", "--knowledge_chunk_tokens=200")
BENCHMARK = ("benchmark", "--models=STAR", "--seeds=2", "--jobs=2", "--output=bench", *_DATA,
             "--epochs=1")  # fmt: skip
PREDICT = ("predict", "--artefact=artefact", "--input=data/toy/toy.inter", "--output=scores.csv")


@dataclass(frozen=True)
class Command:
    """A command that is repeated until its result is complete.

    Attributes:
        name: Its name in the table.
        arguments: Arguments of ``recbole-llm4msr``.
        start: Folder that a trial starts from.
        result: Everything that a repeat must give again, by name.
    """

    name: str
    arguments: tuple[object, ...]
    start: Path
    result: Callable[[Path], dict[str, object]]


class Commands:
    """The commands of the trials, with what they start from, made when it is first needed."""

    def __init__(self, place: Workplace) -> None:
        self.place = place

    @cached_property
    def data(self) -> Path:
        """A folder with the toy data."""
        folder = self.place.folder()
        write_toy(folder / "data")
        return folder

    @cached_property
    def trained(self) -> Path:
        """The same after a training: cache, knowledge, checkpoint, result."""
        folder = self.place.folder(self.data)
        self.place.run(folder, TRAINING).check_success()
        return folder

    @cached_property
    def plain(self) -> Path:
        """The toy data after the training of a model with one graph."""
        folder = self.place.folder(self.data)
        self.place.run(folder, ("--model=SharedBottom", *_RUN)).check_success()
        return folder

    @cached_property
    def exported(self) -> Path:
        """The same after an export."""
        folder = self.place.folder(self.plain)
        self.place.run(folder, self.export.arguments).check_success()
        return folder

    @cached_property
    def benchmarked(self) -> Path:
        """The toy data after a benchmark."""
        folder = self.place.folder(self.data)
        self.place.run(folder, BENCHMARK).check_success()
        return folder

    @cached_property
    def raw(self) -> Path:
        """Simulated raw files of KuaiSAR."""
        folder = self.place.folder()
        words = ("convert", "simulate", "kuaisar", "--output=raw", "--scale=0.002", "--quiet")
        self.place.run(folder, words).check_success()
        return folder

    @property
    def convert(self) -> Command:
        words = ("convert", "kuaisar", "--quiet", f"--input={self.raw / 'raw'}", "--output=out/k")
        return Command("convert", (*words, "--overwrite"), self.place.folder(), _tree("out"))

    @property
    def build(self) -> Command:
        return Command("knowledge build", BUILD, self.data, stored_vectors)

    @property
    def training(self) -> Command:
        return Command("training", TRAINING, self.data, training_result)

    @property
    def benchmark(self) -> Command:
        return Command("benchmark", BENCHMARK, self.data, benchmark_result)

    @property
    def export(self) -> Command:
        (checkpoint,) = (self.plain / "saved").glob("*.pth")
        words = ("export", f"--model_file={checkpoint}", "--data_path=data", "--output=artefact")
        return Command("export", (*words, "--overwrite"), self.plain, _artefact)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _tree(name: str) -> Callable[[Path], dict[str, object]]:
    def files(folder: Path) -> dict[str, object]:
        paths = (path for path in (folder / name).rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): digest(path) for path in paths}

    return files


def stored_vectors(folder: Path) -> dict[str, object]:
    """The stored vector of every prompt, and the prepared ones."""
    found: dict[str, object] = {}
    for path in (folder / "data").glob("toy/knowledge/vectors/*/*.safetensors"):
        chunk = load_file(path)
        for key, vector in zip(chunk["keys"], chunk["vectors"], strict=True):
            found[f"{path.parent.name}/{key.tobytes().hex()}"] = vector.tobytes()
    prepared = (folder / "data").glob("toy/knowledge/prepared/*.safetensors")
    return found | {path.name: digest(path) for path in prepared}


def training_result(folder: Path) -> dict[str, object]:
    content = json.loads((folder / "result.json").read_text())
    found = {name: content[name] for name in ("best_valid_result", "test_result", "curve")}
    return found | {"predictions": digest(folder / "predictions.parquet")}


def benchmark_result(folder: Path) -> dict[str, object]:
    lines = (folder / "bench" / "runs.jsonl").read_text().splitlines()
    runs = sorted((json.loads(line) for line in lines), key=lambda run: run["seed"])
    found = {f"seed {run['seed']}": [run["valid"], run["test"]] for run in runs}
    found |= {"number of runs": len(runs)}
    names = ("auc.csv", "logloss.csv", "gauc.csv", "activity.csv")
    return found | {name: _without_seconds(folder / "bench" / name) for name in names}


def _without_seconds(path: Path) -> list:
    frame = pl.read_csv(path)
    return frame.drop("training seconds").rows()


def _artefact(folder: Path) -> dict[str, object]:
    found = _tree("artefact")(folder)
    manifest = json.loads((folder / "artefact" / "manifest.json").read_text())
    del found["artefact/manifest.json"], manifest["created"], manifest["crc32"]
    return found | {"manifest": manifest}


def state_digest(weights: dict) -> str:
    """Checksum of weights, for a program that has loaded a checkpoint."""
    digest = hashlib.sha256()
    for name, value in sorted(weights.items()):  # a text is the fingerprint of the knowledge
        content = value.encode() if isinstance(value, str) else value.numpy().tobytes()
        digest.update(name.encode() + content)
    return digest.hexdigest()
