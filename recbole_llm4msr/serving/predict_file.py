"""Score the rows of a file in blocks: memory does not grow with the file.

The next block is read and looked up, and the one before written, while one is scored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import polars as pl

from recbole_llm4msr.serving.errors import InputError
from recbole_llm4msr.serving.row_files import open_rows, open_writer
from recbole_llm4msr.serving.rows import EncodedRows, OnUnknown
from recbole_llm4msr.serving.scorer import SCORE, Scorer
from recbole_llm4msr.serving.text_rows import RowFile
from recbole_llm4msr.util.atomic_write import atomic_write

#: Called after every block with the rows and the bytes that are done, and all bytes of the file.
ReportProgress = Callable[[int, int, int], None]


def predict_file(
    scorer: Scorer,
    source: str | Path,
    target: str | Path,
    *,
    on_unknown: OnUnknown = "error",
    report_progress: ReportProgress | None = None,
) -> int:
    """Write the rows of a file with a column ``score``.

    The target appears when it is complete; after an error it is as it was.

    Args:
        scorer: The exported model.
        source: ``.parquet``, ``.csv``, ``.tsv`` or an atomic file (``.inter``).
        target: ``.parquet``, ``.csv`` or ``.tsv``.
        on_unknown: ``error``, or ``score`` to score unknown users and items as such.
        report_progress: Called after every block.

    Returns:
        Number of rows.

    Raises:
        InputError: A row cannot be scored; the message names file, row and column.
        FileNotFoundError: There is no such file.
    """
    source, target = Path(source), Path(target)
    done = 0
    try:
        with open_rows(source) as rows:
            scorer.encoder.check_columns(rows.columns)
            if SCORE in rows.columns:
                raise InputError(f"there is a column {SCORE!r} already; rename it")
            with (
                atomic_write(target) as temporary,
                open_writer(target, temporary) as writer,
                ThreadPoolExecutor(1) as writing,
            ):
                written: list[Future] = []
                for block, encoded, position in _ahead(scorer, rows, on_unknown):
                    scores = pl.Series(SCORE, scorer.score(encoded), dtype=pl.Float32)
                    for previous in written:
                        previous.result()
                    written = [writing.submit(writer.write, block.with_columns(scores))]
                    done += len(block)
                    if report_progress is not None:
                        report_progress(done, position, rows.size)
                for previous in written:
                    previous.result()
                if not done:
                    raise InputError("the file has no rows")
    except InputError as error:
        raise InputError(f"{source}: {error}") from error
    return done


def _ahead(
    scorer: Scorer, rows: RowFile, on_unknown: OnUnknown
) -> Iterator[tuple[pl.DataFrame, EncodedRows, int]]:
    """Blocks of rows, their ids and the position in the file; the next is read meanwhile."""
    blocks = _encoded(scorer, rows, on_unknown)
    with ThreadPoolExecutor(1) as reading:
        following = reading.submit(next, blocks, None)
        while (block := following.result()) is not None:
            following = reading.submit(next, blocks, None)
            yield block


def _encoded(
    scorer: Scorer, rows: RowFile, on_unknown: OnUnknown
) -> Iterator[tuple[pl.DataFrame, EncodedRows, int]]:
    done = 0
    for block in rows:
        if len(block):
            yield block, scorer.encoder.encode(block, on_unknown, first_row=done + 1), rows.position
            done += len(block)
