"""Encode what the store lacks: in chunks, resumable, by as many processes as there are."""

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

LIBRARIES = ("torch", "transformers", "scikit-learn", "numpy", "polars")


@dataclass(frozen=True)
class Shard:
    """One of several builds that share the work: this one takes prompts with its remainder."""

    number: int = 0
    of: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.number < self.of:
            raise KnowledgeError(f"shard {self.number} of {self.of}: must be 0 to {self.of - 1}")


@dataclass
class BuildReport:
    """What a build did.

    Attributes:
        reused: Different prompts that the store already had.
        made: Different prompts that were encoded.
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
        """Both builds together."""
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
        encoder: Already prepared.
        prompts: All prompts, repetitions allowed.
        shelf: Where the vectors go; it is refreshed before and after.
        chunk_tokens: Tokens of a chunk, the most work that a killed build loses.
        shard: The part of the prompts that this build is responsible for.
        keep_prompts: Keep the prompts beside their vectors.
        show_progress: Draw a bar with rate and time left.

    Raises:
        KnowledgeError: A vector is not finite, or the store cannot be written.
    """
    shard = shard or Shard()
    keys = keys_of(prompts)
    _, first = np.unique(sortable(keys), return_index=True)
    first = first[_remainders(keys[first], shard.of) == shard.number]
    keys = keys[first]
    missing = shelf.refresh().find(keys) < 0
    report = BuildReport(reused=int((~missing).sum()))
    keys = keys[missing]
    todo = [prompts[at] for at in first[missing]]
    if not todo:
        return report
    started = time.perf_counter()
    # Sorted by length, then by key: the same order, and so the same chunks, in every run.
    lengths = encoder.count_tokens(todo)
    order = np.argsort(-lengths, kind="stable")
    keys, lengths, todo = keys[order], lengths[order], [todo[at] for at in order]
    chunks = list(plan_chunks(lengths, chunk_tokens))
    with (
        _progress(show_progress) as progress,
        ThreadPoolExecutor(1, thread_name_prefix="tokenise") as ahead,
    ):
        bar = progress.add_task("encoding prompts", total=int(lengths.sum()), prompts=0)

        def advance(count: int, tokens: int) -> None:
            done = progress.tasks[0].fields["prompts"] + count
            progress.update(bar, advance=tokens, prompts=done)

        coming = ahead.submit(encoder.tokenise, todo[chunks[0]])
        for number, chunk in enumerate(chunks):
            tokenised = coming.result()
            if number + 1 < len(chunks):
                coming = ahead.submit(encoder.tokenise, todo[chunks[number + 1]])
            begun = time.perf_counter()
            encoded = encoder.encode(tokenised, advance)
            seconds = time.perf_counter() - begun
            lines = None
            if keep_prompts or encoded.texts is not None:
                lines = _lines(keys[chunk], todo[chunk], encoded.texts)
            shelf.write(keys[chunk], encoded.vectors, _record(encoded.tokens, seconds), lines)
            report.made += len(encoded.vectors)
            report.tokens += int(encoded.tokens.sum())
            report.truncated += encoded.truncated
        progress.update(bar, completed=int(lengths.sum()))
    report.seconds = time.perf_counter() - started
    shelf.refresh()
    return report


def _remainders(keys: np.ndarray, of: int) -> np.ndarray:
    """Spread keys evenly over shards by their first bytes, which are a hash's."""
    return keys[:, :4].astype(np.uint32) @ np.array([1, 256, 65536, 16777216], np.uint32) % of


def _lines(keys: np.ndarray, prompts: Sequence[str], texts: Sequence[str] | None) -> list[dict]:
    return [
        {"key": key.tobytes().hex(), "prompt": prompt}
        | ({} if texts is None else {"text": texts[at]})
        for at, (key, prompt) in enumerate(zip(keys, prompts, strict=True))
    ]


def _record(tokens: np.ndarray, seconds: float) -> dict:
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
