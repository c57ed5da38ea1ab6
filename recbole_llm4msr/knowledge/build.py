"""Encode the prompts that the store lacks: in chunks, resumable, sharded over processes."""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

import numpy as np
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from recbole_llm4msr.knowledge.encoders.base import Encoder
from recbole_llm4msr.knowledge.encoders.huggingface.batching import plan_chunks
from recbole_llm4msr.knowledge.options import KnowledgeError
from recbole_llm4msr.knowledge.store.chunks import Shelf, keys_of, sortable
from recbole_llm4msr.util.staging import remove_abandoned

LIBRARIES = ("torch", "transformers", "scikit-learn", "numpy", "polars")


@dataclass(frozen=True)
class Shard:
    """One of several builds that share the prompts by the remainder of their keys.

    Args:
        number: Number of this build, 0 to ``of`` - 1.
        of: Number of builds.

    Raises:
        KnowledgeError: ``number`` is out of range.
    """

    number: int = 0
    of: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.number < self.of:
            raise KnowledgeError(f"shard {self.number} of {self.of}: must be 0 to {self.of - 1}")


@dataclass
class BuildReport:
    """Count what a build encoded.

    Attributes:
        reused: Distinct prompts that the store already had.
        made: Distinct prompts that were encoded.
        tokens: Tokens of the prompts that were encoded.
        truncated: Prompts that were longer than the encoder's limit.
        seconds: Wall time of encoding and writing.
    """

    reused: int = 0
    made: int = 0
    tokens: int = 0
    truncated: int = 0
    seconds: float = 0.0

    def __add__(self, other: BuildReport) -> BuildReport:
        """Add the counts of two builds."""
        return BuildReport(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


def build_vectors(
    encoder: Encoder,
    prompts: Sequence[str],
    shelf: Shelf,
    *,
    chunk_tokens: int,
    shard: Shard | None = None,
    keep_prompts: bool = False,
    show_progress: bool = True,
) -> BuildReport:
    """Encode the prompts that ``shelf`` lacks, longest first, and write them chunk by chunk.

    Args:
        encoder: An encoder whose ``prepare`` was called.
        prompts: All prompts; duplicates are encoded once.
        shelf: Destination of the vectors; refreshed before and after.
        chunk_tokens: Tokens of a chunk, the most that a killed build has to repeat.
        shard: The part of the prompts that this build encodes; ``None`` for all.
        keep_prompts: Write the prompts beside their vectors.
        show_progress: Draw a progress bar with rate and remaining time.

    Raises:
        KnowledgeError: A vector is not finite, or the store cannot be written.
    """
    shard = shard or Shard()
    keys = keys_of(prompts)
    _, first = np.unique(sortable(keys), return_index=True)
    first = first[_remainders(keys[first], shard.of) == shard.number]
    keys = keys[first]
    remove_abandoned(shelf.folder)
    if shelf.refresh().damaged:
        shelf.remove_damaged()
        shelf.refresh()
    if any(chunk.parent == shelf.folder for chunk in shelf.chunks):
        shelf.write_identity()
    missing = shelf.find(keys) < 0
    report = BuildReport(reused=int((~missing).sum()))
    keys = keys[missing]
    texts = [prompts[index] for index in first[missing]]
    if not texts:
        return report
    started = time.perf_counter()
    # Sorted by length, then by key, so that every run has the same order and chunks.
    lengths = encoder.count_tokens(texts)
    order = np.argsort(-lengths, kind="stable")
    keys, lengths, texts = keys[order], lengths[order], [texts[index] for index in order]
    chunks = list(plan_chunks(lengths, chunk_tokens))
    with (
        _progress(show_progress) as progress,
        ThreadPoolExecutor(1, thread_name_prefix="tokenise") as tokeniser,
    ):
        bar = progress.add_task("encoding prompts", total=int(lengths.sum()), prompts=0)

        def report_progress(count: int, tokens: int) -> None:
            done = progress.tasks[0].fields["prompts"] + count
            progress.update(bar, advance=tokens, prompts=done)

        next_chunk = tokeniser.submit(encoder.tokenise, texts[chunks[0]])
        for number, chunk in enumerate(chunks):
            tokenised = next_chunk.result()
            if number + 1 < len(chunks):
                next_chunk = tokeniser.submit(encoder.tokenise, texts[chunks[number + 1]])
            encode_started = time.perf_counter()
            encoded = encoder.encode(tokenised, report_progress)
            seconds = time.perf_counter() - encode_started
            lines = None
            if keep_prompts or encoded.texts is not None:
                lines = _lines(keys[chunk], texts[chunk], encoded.texts)
            shelf.write(keys[chunk], encoded.vectors, _record(encoded.tokens, seconds), lines)
            report.made += len(encoded.vectors)
            report.tokens += int(encoded.tokens.sum())
            report.truncated += encoded.truncated
        progress.update(bar, completed=int(lengths.sum()))
    report.seconds = time.perf_counter() - started
    shelf.refresh()
    return report


def _remainders(keys: np.ndarray, of: int) -> np.ndarray:
    """Return the shard of every key: the first 4 bytes, which are a hash, modulo ``of``."""
    return keys[:, :4].astype(np.uint32) @ np.array([1, 256, 65536, 16777216], np.uint32) % of


def _lines(keys: np.ndarray, prompts: Sequence[str], texts: Sequence[str] | None) -> list[dict]:
    """Return the jsonl lines of a chunk: key, prompt and, where there is one, generated text."""
    return [
        {"key": key.tobytes().hex(), "prompt": prompt}
        | ({} if texts is None else {"text": texts[row]})
        for row, (key, prompt) in enumerate(zip(keys, prompts, strict=True))
    ]


def _record(tokens: np.ndarray, seconds: float) -> dict:
    """Return the record of a chunk: counts, duration, time, host and library versions."""
    return {
        "prompts": len(tokens),
        "tokens": int(tokens.sum()),
        "seconds": round(seconds, 3),
        "made": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "host": platform.node(),
        "versions": {name: importlib.metadata.version(name) for name in LIBRARIES},
    }


class _Rate(ProgressColumn):
    """Prompts and tokens per second since the start."""

    def render(self, task: Task) -> Text:
        seconds = task.finished_time or task.elapsed or 0.0
        if seconds < 0.1:
            return Text("")
        prompts = task.fields["prompts"]
        rates = f"{prompts / seconds:,.0f} prompts/s, {task.completed / seconds:,.0f} tokens/s"
        return Text(f"{prompts:,} prompts, {rates}")


def _progress(show: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        _Rate(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=False),
        disable=not show,
    )
