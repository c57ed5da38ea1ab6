"""Export users' vectors: RecBole's embedding file, numpy, parquet."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import polars as pl

from recbole_llm4msr.data.history import TrainingHistory
from recbole_llm4msr.knowledge.options import KnowledgeError
from recbole_llm4msr.knowledge.store.files import write_atomically
from recbole_llm4msr.knowledge.vectors.prepared_vectors import Knowledge

FORMATS = ("useremb", "npy", "parquet")


def check_format(form: str) -> None:
    """Check the name of an export format.

    Raises:
        KnowledgeError: The format is not one of ``FORMATS``.
    """
    if form not in FORMATS:
        raise KnowledgeError(f"format: {form!r} is not one of {', '.join(FORMATS)}")


def export_users(knowledge: Knowledge, history: TrainingHistory, form: str, path: Path) -> Path:
    """Write the users' full-history vectors, keyed by raw token.

    * ``useremb``: RecBole's additional feature file, columns ``uid:token`` and
      ``user_emb:float_seq``; plain RecBole reads it with the settings in ``docs/knowledge.md``.
    * ``npy``: float32 of shape (n_users, d) in the order of ``<path>.users.txt``.
    * ``parquet``: ``user``, ``own`` (has a prompt of its own) and ``vector``.

    Returns:
        The path of the written file.

    Raises:
        KnowledgeError: Unknown format, or the file cannot be written.
    """
    check_format(form)
    vectors = knowledge.user[1 : len(history.users) + 1].numpy()
    if form == "useremb":
        lines = ["uid:token\tuser_emb:float_seq"]
        lines += [
            f"{user}\t{' '.join(np.char.mod('%.6g', vector))}"
            for user, vector in zip(history.users, vectors, strict=True)
        ]
        content = ("\n".join(lines) + "\n").encode()
    elif form == "npy":
        buffer = io.BytesIO()
        np.save(buffer, vectors)
        content = buffer.getvalue()
        names = path.with_name(path.name + ".users.txt")
        write_atomically(names, ("\n".join(history.users) + "\n").encode())
    else:
        buffer = io.BytesIO()
        own = knowledge.own[1:].numpy()
        pl.DataFrame({"user": history.users, "own": own, "vector": vectors}).write_parquet(buffer)
        content = buffer.getvalue()
    write_atomically(path, content)
    return path
