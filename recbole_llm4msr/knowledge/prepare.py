"""Prepare the knowledge of a run: read it from the store, or encode the prompts it lacks."""

from __future__ import annotations

import logging
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
    vectors, manifest = bench.store.prepared(bench.fingerprint)
    loaded = _load(vectors, manifest, options.knowledge_build)
    if loaded is not None:
        prepared, content = loaded
        done = f"re-used all {content['prompts']:,} vectors"
    else:
        if not options.knowledge_build:
            refuse_to_build(bench.store, bench.request)
        prepared, report = bench.make()
        save_prepared(vectors, manifest, prepared, bench.manifest(prepared, report))
        done = f"made {report.made:,} vectors in {report.seconds:.1f} s, re-used {report.reused:,}"
    prepared.coverage.check(options.knowledge_min_coverage, logger)
    return prepared.to_model(
        bench.fingerprint,
        f"knowledge {options.knowledge}, {prepared.user.shape[1]} wide: {done}; "
        f"{prepared.coverage}; store {bench.store.folder}",
    )


def _load(vectors: Path, manifest: Path, may_build: bool) -> tuple[PreparedVectors, dict] | None:
    """Load prepared knowledge; return ``None`` where there is none, or it has to be made anew.

    Raises:
        KnowledgeError: It is damaged, and may not be made anew.
    """
    if not (vectors.exists() and manifest.exists()):
        return None
    try:
        return load_prepared(vectors, manifest)
    except KnowledgeError as error:
        if not may_build:
            raise KnowledgeError(
                f"{error}. Set knowledge_build to True to make it anew; vectors that are in the "
                "store are not encoded again"
            ) from error
        logger.warning("%s; it is made anew from the vectors in the store", error)
        return None
