"""Prepare the knowledge of a run: read it from the store, or encode the prompts it lacks."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from recbole_llm4msr.data.history import TrainingHistory
from recbole_llm4msr.knowledge.options import KnowledgeError, KnowledgeOptions, Settings
from recbole_llm4msr.knowledge.request import refuse_to_build
from recbole_llm4msr.knowledge.store.prepared import load_prepared, save_prepared
from recbole_llm4msr.knowledge.vectors.prepared_vectors import Knowledge, PreparedVectors
from recbole_llm4msr.knowledge.workbench import Workbench

logger = logging.getLogger(__name__)


def prepare_knowledge(config: Settings, history: TrainingHistory) -> Knowledge | None:
    """Return the knowledge that ``config`` asks for; encode the prompts that the store lacks.

    Args:
        config: RecBole's configuration, or a mapping that answers None for a missing key.
        history: The training rows; nothing else of the data set is read.

    Returns:
        The vectors, or ``None`` for ``knowledge: none``.

    Raises:
        KnowledgeError: An option, template, model or store is not valid; the message says what to
            do. There is no fallback to another kind of knowledge.
    """
    options = KnowledgeOptions.from_config(config)
    if options.knowledge == "none":
        return None
    bench = Workbench.open(config, history, options)
    trained = getattr(config, "trained_knowledge", None)
    if trained and trained != bench.fingerprint:
        return _of_training(bench, trained, getattr(config, "use_trained_knowledge", False))
    loaded = _load(bench, options.knowledge_build)
    folder = bench.store.folder
    if loaded is not None:
        prepared, content, folder = loaded
        done = f"re-used all {content['prompts']:,} vectors"
    else:
        if not options.knowledge_build:
            refuse_to_build(bench.store, bench.request)
        prepared, report = bench.make()
        files = bench.store.prepared(bench.fingerprint)
        save_prepared(*files, prepared, bench.manifest(prepared, report))
        done = f"made {report.made:,} vectors in {report.seconds:.1f} s, re-used {report.reused:,}"
    prepared.coverage.check(options.knowledge_min_coverage, logger)
    return prepared.to_model(
        bench.fingerprint,
        f"knowledge {options.knowledge}, {prepared.user.shape[1]} wide: {done}; "
        f"{prepared.coverage}; store {folder}",
    )


def _load(bench: Workbench, may_build: bool) -> tuple[PreparedVectors, dict, Path] | None:
    """Load prepared knowledge: vectors, manifest and the folder of the store.

    Returns:
        ``None`` where there is none, or it has to be made anew.

    Raises:
        KnowledgeError: It is damaged, and may not be made anew.
    """
    damaged: list[KnowledgeError] = []
    for vectors, manifest in bench.store.ready(bench.fingerprint):
        try:
            return *load_prepared(vectors, manifest), vectors.parents[1]
        except KnowledgeError as error:
            damaged.append(error)
    if damaged and not may_build:
        raise KnowledgeError(
            f"{damaged[0]}. Set knowledge_build to True to make it anew; vectors that are in the "
            "store are not encoded again"
        ) from damaged[0]
    for error in damaged:
        logger.warning("%s; it is made anew from the vectors in the store", error)
    return None


def _of_training(bench: Workbench, fingerprint: str, wanted: bool) -> Knowledge:
    """Return the vectors that a checkpoint was trained with, where the data would give others.

    The data set has the ids of the checkpoint, so the rows of its vectors are right.

    Args:
        bench: The store of the run.
        fingerprint: Fingerprint of the checkpoint's knowledge.
        wanted: Whether these vectors are asked for.

    Raises:
        KnowledgeError: They are not asked for, or the store does not hold them.
    """
    kept = bench.store.ready(fingerprint)
    if not (wanted and kept):
        options = (
            f"The store {bench.store.folder} still holds the vectors of training: set "
            "trained_knowledge=True to score the rows of now with them (new users get the mean)."
            if kept
            else f"The store {bench.store.folder} does not hold the vectors of training; name one "
            "that does (knowledge_path), and set trained_knowledge=True, or train again."
        )
        raise KnowledgeError(
            f"The checkpoint was trained with other knowledge (fingerprint {fingerprint[:12]}) "
            f"than what the data give now ({bench.fingerprint[:12]}): the training rows, their "
            "order where times are equal, the prompts or the encoder differ, or another version "
            f"of this package made it. {options} Or use the data and options it was trained with."
        )
    prepared, _ = load_prepared(*kept[0])
    summary = f"knowledge {bench.options.knowledge} of the training run; store {bench.store.folder}"
    # Its folds belong to the training rows of then.
    return replace(prepared.to_model(fingerprint, summary), train_index=None)
