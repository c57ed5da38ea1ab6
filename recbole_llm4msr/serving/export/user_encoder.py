"""What makes a new user's layer of the user's interactions: template, texts of items, encoder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
from safetensors.numpy import save_file

from recbole_llm4msr.data.history import field_names, texts_of_items
from recbole_llm4msr.knowledge.new_users import UserEncoder
from recbole_llm4msr.knowledge.options import KnowledgeOptions
from recbole_llm4msr.knowledge.workbench import Workbench
from recbole_llm4msr.serving import user_encoder_files as files
from recbole_llm4msr.serving.errors import ExportError
from recbole_llm4msr.serving.export.parts import Source
from recbole_llm4msr.serving.vocabulary import Vocabulary

#: Users whose vectors are made once more, to see that they are those of training: of an encoder
#: that is fitted here, and of a language model, which takes longer.
_COMPARED, _COMPARED_LLM = 1000, 8

#: Largest difference of a number of a vector, whose mean square is one. Half precision has .0005; a
#: language model in it gives other roundings in another batch.
_TOLERANCE, _TOLERANCE_LLM = 0.01, 0.2


def write_user_encoder(config, source: Source, folder: Path) -> None:
    """Fit the encoder as for training, check that it is the same, and write it.

    Raises:
        ExportError: It gives other vectors than those that the model was trained with.
    """
    train, table = source.train, source.model.knowledge
    bench = Workbench.open(config, train.training_history(), KnowledgeOptions.from_config(config))
    if bench.fingerprint != table.fingerprint:
        raise ExportError(
            "with_encoder: the model was trained with other knowledge than the data give now, so "
            "that its encoder cannot be fitted again"
        )
    encoder = UserEncoder.of_training(bench)
    _compare(encoder, bench, table.user.numpy())
    facts, arrays, words = encoder.state()
    facts["label_field"] = train.label_field
    facts["time_field"] = train.time_field
    facts["threshold"] = config["threshold"]
    facts["profile_fields"] = field_names(config["user_profile_fields"])
    text = json.dumps(facts, indent=1, ensure_ascii=False)
    (folder / files.FACTS).write_text(text + "\n", encoding="utf-8")
    save_file(
        {name: np.ascontiguousarray(array) for name, array in arrays.items()},
        folder / files.ARRAYS,
    )
    Vocabulary(pl.Series(words, dtype=pl.String)).write(folder / files.WORDS)
    tokens = pl.Series([str(token) for token in train.field2id_token[train.iid_field][1:]])
    texts = texts_of_items(train, tokens)
    texts.write_ipc(folder / files.ITEM_TEXTS, compression="zstd")


def _compare(encoder: UserEncoder, bench: Workbench, trained: np.ndarray) -> None:
    """Compare vectors of the first users with those of training."""
    history, is_llm = bench.history, bench.options.llm is not None
    n_users = _COMPARED_LLM if is_llm else _COMPARED
    ids = {token: number for number, token in enumerate(history.users[:n_users], 1)}
    rows = history.rows.filter(pl.col("user").is_in(list(ids)))
    users, vectors, _ = encoder.vectors(rows, history.items, history.profiles)
    difference = np.abs(vectors - trained[[ids[user] for user in users]]).max(initial=0)
    if not difference <= (_TOLERANCE_LLM if is_llm else _TOLERANCE):
        raise ExportError(
            "with_encoder: the encoder gives other vectors than those of training, by up to "
            f"{difference:.2g}; another version of a library may have made those"
        )
