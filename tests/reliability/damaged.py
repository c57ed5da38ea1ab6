"""One flipped or missing byte in every kind of file: made anew, or refused; never used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from tests.reliability.commands import (
    BENCHMARK,
    PREDICT,
    TRAINING,
    Commands,
    benchmark_result,
    digest,
    training_result,
)
from tests.reliability.trials import Trial, discard
from tests.reliability.workplace import BrokenError, Workplace, check_equal, check_nothing_left

KIND = "a flipped or missing byte"

_LOAD = """
from pathlib import Path
from recbole_llm4msr import load_data_and_model
from tests.reliability.commands import state_digest
(file,) = Path("saved").glob("*.pth")
try:
    _, model, *_ = load_data_and_model(file, device="cpu")
except (ValueError, OSError) as error:
    sys.exit(f"error: {error}")
Path("weights").write_text(state_digest(model.state_dict()))
"""


@dataclass(frozen=True)
class Subject:
    """A kind of file, and the command that reads it.

    Attributes:
        name: Row of the table.
        start: Name of the attribute of :class:`Commands` with the files.
        files: Pattern of the files.
        arguments: Arguments of the command that reads them.
        result: Its result.
        without: Pattern of files that are removed before, so that these are read.
        made_anew: Whether the command has to make the file anew instead of refusing it.
    """

    name: str
    start: str
    files: str
    arguments: tuple
    result: Callable[[Path], dict]
    without: str = ""
    made_anew: bool = True


def _scores(folder: Path) -> dict:
    return {"scores": digest(folder / "scores.csv")}


def _weights(folder: Path) -> dict:
    return {"weights": (folder / "weights").read_text()}


_PREPARED = "data/toy/knowledge/prepared/*"
_TRAIN = ("trained", TRAINING, training_result)
SUBJECTS = [
    Subject("data-set cache: arrays", _TRAIN[0], "data/toy/cache/*/*.npy", *_TRAIN[1:]),
    Subject("data-set cache: state", _TRAIN[0], "data/toy/cache/*/state.json", *_TRAIN[1:]),
    Subject("prepared vectors", _TRAIN[0], f"{_PREPARED}.safetensors", *_TRAIN[1:]),
    Subject("manifest", _TRAIN[0], f"{_PREPARED}.json", *_TRAIN[1:]),
    Subject("chunk", _TRAIN[0], "data/toy/knowledge/vectors/*/*.safetensors", *_TRAIN[1:],
            without=_PREPARED),
    Subject("record of a chunk", _TRAIN[0], "data/toy/knowledge/vectors/*/[0-9a-f]*[0-9a-f].json",
            *_TRAIN[1:], without=_PREPARED),
    Subject("identity of an encoder", _TRAIN[0], "data/toy/knowledge/vectors/*/encoder.json",
            *_TRAIN[1:], without=_PREPARED),
    Subject("checkpoint", "trained", "saved/*.pth", (), _weights, made_anew=False),
    Subject("runs.jsonl", "benchmarked", "bench/runs.jsonl", BENCHMARK, benchmark_result,
            made_anew=False),
    Subject("predictions of a benchmark", "benchmarked", "bench/predictions/*.parquet", BENCHMARK,
            benchmark_result, made_anew=False),
    Subject("artefact: manifest", "exported", "artefact/manifest.json", PREDICT, _scores,
            made_anew=False),
    Subject("artefact: other files", "exported", "artefact/**/*.[aos]*", PREDICT, _scores,
            made_anew=False),
]  # fmt: skip


def trials(place: Workplace, commands: Commands, count: int) -> Iterator[Trial]:
    for subject in SUBJECTS:
        reference = cache(lambda subject=subject: _reference(place, commands, subject))
        for number in range(max(1, 2 * count // 5)):
            yield Trial(
                KIND,
                subject.name,
                str(number),
                lambda number=number, subject=subject, reference=reference: _trial(
                    place, subject, number, *reference()
                ),
            )


def _options(subject: Subject) -> dict:
    return {} if subject.arguments else {"statements": _LOAD}


def _reference(place: Workplace, commands: Commands, subject: Subject) -> tuple[Path, dict]:
    start = getattr(commands, subject.start)
    folder = place.folder(start)
    place.run(folder, subject.arguments, **_options(subject)).check_success()
    result = subject.result(folder)
    discard(folder)
    return start, result


def _trial(place: Workplace, subject: Subject, number: int, start: Path, expected: dict) -> None:
    random = place.random("damaged", subject.name, number)
    folder = place.folder(start)
    for path in folder.glob(subject.without) if subject.without else ():
        path.unlink()
    path = random.choice(sorted(p for p in folder.glob(subject.files) if p.stat().st_size))
    _damage(path, random, flip=number % 2 == 0)
    for name in ("result.json", "predictions.parquet", "scores.csv", "weights"):
        (folder / name).unlink(missing_ok=True)
    done = place.run(folder, subject.arguments, **_options(subject))
    done.check_message()
    if not done.code:
        check_equal(subject.result(folder), expected)
    elif subject.made_anew:
        raise BrokenError(f"refused: {done.output.strip()[-500:]}")
    check_nothing_left(folder)
    discard(folder)


def _damage(path: Path, random: Random, *, flip: bool) -> None:
    content = bytearray(path.read_bytes())
    place = random.randrange(len(content))
    if flip:
        content[place] ^= 1 << random.randrange(8)
    else:
        del content[place]
    path.write_bytes(content)
