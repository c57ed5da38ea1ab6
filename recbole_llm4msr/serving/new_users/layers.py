"""From the interactions of users to their layers: prompts, vectors, the user generator."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from recbole_llm4msr.serving import user_encoder_files as files
from recbole_llm4msr.serving.arrays import MappedArrays
from recbole_llm4msr.serving.artefact import Artefact
from recbole_llm4msr.serving.errors import ArtefactError, InputError, MissingPackageError
from recbole_llm4msr.serving.graphs import open_graph
from recbole_llm4msr.serving.new_users.history_rows import read_history
from recbole_llm4msr.serving.scorer import Scorer
from recbole_llm4msr.serving.vocabulary import Vocabulary

if TYPE_CHECKING:
    from recbole_llm4msr.knowledge.new_users import UserEncoder

_USERS_AT_A_TIME = 8192


def with_history(
    scorer: Scorer,
    history: pl.DataFrame,
    *,
    llm: str | None = None,
    report: Callable[[int, int], None] = lambda done, of: None,
) -> Scorer:
    """Return a scorer that has layers of the users of some interactions; nothing is trained.

    A user's prompt is written of the interactions with the template of the training, and encoded by
    its encoder. With fewer interactions than the threshold, or no positive one, a user gets the
    mean of the users of the same scenarios, as in training. Users of the model may have
    interactions here, too: they get a new layer, and keep their embedding.

    Args:
        scorer: An artefact that was exported with its encoder.
        history: Rows with raw tokens of users, items and scenarios, and optionally labels, times
            and profile fields, named as in training.
        llm: Where the language model is, if not where it was in training.
        report: Called with the number of encoded prompts, and that of all.

    Raises:
        InputError: An interaction cannot be used; the message names row and column.
        ArtefactError: The artefact has no user layers, or was exported without its encoder.
        KnowledgeError: The language model is not there, or is another one.
        MissingPackageError: RecBole, torch or scikit-learn is not installed.
    """
    artefact = scorer.artefact
    check_encoder(artefact)
    facts = json.loads((artefact.folder / files.FACTS).read_text(encoding="utf-8"))
    texts = pl.read_ipc(artefact.folder / files.ITEM_TEXTS)
    try:
        given = read_history(artefact, facts, texts, history)
    except InputError as error:
        raise InputError(f"history: {error}", what=error.what, row=error.row) from error
    encoder = _encoder(artefact, facts, llm)
    users, vectors, _ = encoder.vectors(given.rows, given.items, given.profiles, report)
    generator = open_graph(artefact.folder / artefact.manifest["graphs"]["generator"])
    layers = [
        generator.run(None, {"knowledge": vectors[low : low + _USERS_AT_A_TIME]})[0]
        for low in range(0, len(vectors), _USERS_AT_A_TIME)
    ]
    seen = dict(given.rows.group_by("user").agg(pl.col("item").unique()).iter_rows())
    return scorer.with_user_layers(users, np.concatenate(layers), [seen[user] for user in users])


def check_encoder(artefact: Artefact) -> None:
    """Check that an artefact can make layers of users.

    Raises:
        ArtefactError: It cannot.
    """
    model = artefact.manifest["model"]
    if artefact.user_layers is None:
        raise ArtefactError(
            f"{artefact.folder}: {model} reads no knowledge of users, so that interactions of "
            "theirs change nothing; score new users with --on-unknown=score"
        )
    if not (artefact.folder / files.FACTS).is_file():
        raise ArtefactError(
            f"{artefact.folder}: what makes the prompts of new users is not in this artefact; "
            "export it with --with-encoder"
        )


def _encoder(artefact: Artefact, facts: dict, llm: str | None) -> UserEncoder:
    try:
        from recbole_llm4msr.knowledge.new_users import UserEncoder
    except ImportError as error:
        raise MissingPackageError(
            f"{error.name} is not installed; prompts of new users need the whole package: pip "
            "install recbole_llm4msr, and pip install --no-deps recbole==1.2.1"
        ) from error
    arrays = MappedArrays(artefact.folder / files.ARRAYS)
    words = Vocabulary.read(artefact.folder / files.WORDS).tokens.to_list()
    return UserEncoder.restored(facts, {name: arrays[name] for name in arrays}, words, llm)
