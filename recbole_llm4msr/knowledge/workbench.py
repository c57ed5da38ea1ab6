"""Store, encoder and prompts of one run, and the steps from the prompts to prepared vectors."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any

from recbole_llm4msr.data.history import TrainingHistory
from recbole_llm4msr.knowledge.build import BuildReport, Shard, build_vectors
from recbole_llm4msr.knowledge.encoders.base import Encoder
from recbole_llm4msr.knowledge.encoders.choice import make_encoder
from recbole_llm4msr.knowledge.options import KnowledgeError, KnowledgeOptions, Settings
from recbole_llm4msr.knowledge.prompts.bare_names import names_plan
from recbole_llm4msr.knowledge.prompts.writer import PromptPlan, PromptWriter
from recbole_llm4msr.knowledge.request import request_of
from recbole_llm4msr.knowledge.store.chunks import Shelf, keys_of
from recbole_llm4msr.knowledge.store.store import KnowledgeStore, store_of
from recbole_llm4msr.knowledge.vectors.by_id import assemble
from recbole_llm4msr.knowledge.vectors.prepared_vectors import PreparedVectors
from recbole_llm4msr.util.fingerprint import fingerprint

logger = logging.getLogger(__name__)


@dataclass
class Workbench:
    """A run's store, encoder and prompts, shared by ``prepare_knowledge`` and the command line.

    Attributes:
        options: The knowledge options of the run.
        history: The training rows.
        store: Folder of vectors and prepared knowledge.
        encoder: Encoder of the users' and items' prompts.
        fingerprint: Hash of ``request``, the name of the prepared knowledge.
        request: Everything that determines the vectors, see :func:`~.request.request_of`.
    """

    options: KnowledgeOptions
    history: TrainingHistory
    store: KnowledgeStore
    encoder: Encoder
    fingerprint: str
    request: dict[str, Any]

    @classmethod
    def open(
        cls, config: Settings, history: TrainingHistory, options: KnowledgeOptions
    ) -> Workbench:
        """Choose store and encoder and fingerprint the request; encodes nothing."""
        if options.knowledge != "random" and history.rows["time"].is_null().all():
            logger.warning(
                "%s: no times are loaded (TIME_FIELD), so histories in prompts are in the order of "
                "the training split's rows, not newest first",
                history.dataset,
            )
        store = store_of(config, options, history.dataset)
        encoder = make_encoder(options)
        request = request_of(history, options, encoder)
        return cls(options, history, store, encoder, fingerprint(request), request)

    def plan(self) -> PromptPlan:
        """Render the prompts, and prepare the encoder with the full-history ones.

        Raises:
            KnowledgeError: No user has enough training interactions for a prompt.
        """
        if self.options.knowledge == "random":
            plan = names_plan(self.history, self.options)
        else:
            plan = PromptWriter(self.history, self.options, self.encoder).plan()
        if not plan.full.height:
            raise KnowledgeError(
                f"{self.history.dataset}: no user has interaction_threshold = "
                f"{self.options.interaction_threshold} training interactions, one of them "
                "positive, so there is nothing to write a prompt from"
            )
        fitted = plan.full if plan.fitted is None else plan.fitted
        self.encoder.prepare(fitted["prompt"].to_list())
        return plan

    def build(
        self, plan: PromptPlan, shard: Shard | None = None, show_progress: bool = True
    ) -> BuildReport:
        """Encode the prompts of a plan that the store lacks."""
        prompts = {self.encoder: plan.user_and_item_prompts()}
        prompts.setdefault(self.scenario_encoder(plan), []).extend(plan.scenarios)
        report = BuildReport()
        for encoder, texts in prompts.items():
            report += build_vectors(
                encoder,
                texts,
                self.shelf_of(encoder),
                chunk_tokens=self.options.knowledge_chunk_tokens,
                shard=shard,
                keep_prompts=self.options.knowledge_keep_prompts,
                show_progress=show_progress,
            )
        if report.truncated:
            logger.warning(
                "%d of %d prompts were longer than %d tokens and were cut; lower prompt_history "
                "or raise prompt_max_tokens",
                report.truncated,
                report.made,
                self.encoder.max_tokens,
            )
        return report

    def scenario_encoder(self, plan: PromptPlan) -> Encoder:
        """Return the encoder of the scenarios' prompts, fitted on them where it needs fitting."""
        return self.encoder.for_scenarios(plan.scenarios)

    def shelf_of(self, encoder: Encoder) -> Shelf:
        """Return the shelf of the store that holds an encoder's vectors."""
        return self.store.shelf(encoder.vector_identity())

    def make(self) -> tuple[PreparedVectors, BuildReport]:
        """Render the prompts, encode them, compress the vectors and order them by id."""
        started = time.perf_counter()
        plan = self.plan()
        report = self.build(plan)
        shelf = self.shelf_of(self.encoder)
        scenario_shelf = self.shelf_of(self.scenario_encoder(plan))
        prepared = assemble(
            self.history,
            plan,
            lambda prompts: shelf.read(keys_of(prompts)),
            lambda prompts: scenario_shelf.read(keys_of(prompts)),
            size=self.options.knowledge_size,
            whiten=self.options.knowledge_whiten,
            seed=self.options.knowledge_seed,
        )
        report.seconds = time.perf_counter() - started
        return prepared, report

    def manifest(self, prepared: PreparedVectors, report: BuildReport) -> dict[str, Any]:
        """Describe what was made, as plain values, for people and for later checks."""
        return {
            "dataset": self.history.dataset,
            "request": self.request,
            "llm": self.options.llm,
            "vectors": fingerprint(self.encoder.vector_identity()),
            "prompts": report.made + report.reused,
            "made": report.made,
            "tokens": report.tokens,
            "seconds": round(report.seconds, 3),
            "explained_variance": round(prepared.explained, 4),
            "coverage": vars(prepared.coverage),
        }
