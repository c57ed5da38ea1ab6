"""Prepare the knowledge of a run: read it from the store, or encode the prompts it lacks."""

from __future__ import annotations

import logging

from recbole_llm4msr.data.history import TrainingHistory
from recbole_llm4msr.knowledge.options import KnowledgeOptions, Settings
from recbole_llm4msr.knowledge.request import refuse_to_build
from recbole_llm4msr.knowledge.store.prepared import load_prepared, save_prepared
from recbole_llm4msr.knowledge.vectors.prepared_vectors import Knowledge
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
    if vectors.exists() and manifest.exists():
        prepared, content = load_prepared(vectors, manifest)
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
