"""The hook that a run calls: from a training history to vectors in the order of the ids."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recbole_llm4msr.data.folders import companion_folder
from recbole_llm4msr.data.history import TrainingHistory
from recbole_llm4msr.knowledge.build import BuildReport, Shard, build_vectors
from recbole_llm4msr.knowledge.encoders.base import Encoder
from recbole_llm4msr.knowledge.encoders.choice import make_encoder
from recbole_llm4msr.knowledge.options import KnowledgeError, KnowledgeOptions, Settings
from recbole_llm4msr.knowledge.prompts.writer import (
    PromptPlan,
    PromptWriter,
    load_template,
    names_plan,
)
from recbole_llm4msr.knowledge.store.chunks import KnowledgeStore, Shelf, keys_of
from recbole_llm4msr.knowledge.store.prepared import load_prepared, save_prepared
from recbole_llm4msr.knowledge.vectors.by_id import Assembled, Coverage, assemble
from recbole_llm4msr.util.fingerprint import fingerprint

#: Raised when the same request makes other prompts or vectors than before.
_FORMAT = 2

# Options that decide which vectors come out, beside the encoder's own identity.
DECISIVE = (
    "knowledge",
    "knowledge_seed",
    "knowledge_size",
    "knowledge_whiten",
    "prompt_history",
    "prompt_categories",
    "item_text_fields",
    "item_category_field",
    "interaction_threshold",
    "knowledge_folds",
    "item_knowledge",
)
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Knowledge:
    """Knowledge vectors in the order of a data set's ids.

    Attributes:
        user: (R, d) float32; row i < n_users (ids with padding 0) is user id i with the full
            training history; rows >= n_users are fold vectors.
        scenario: (S, d_s) float32 in scenario id order, without a padding row; see
            :func:`~recbole_llm4msr.knowledge.vectors.scenarios.scenario_vectors`.
        item: (n_items with padding, d) float32, or ``None``; an item without a training row has
            zeros, which is the mean.
        train_index: (n_train,) int64, the row of ``user`` for every training row, or ``None``
            where that is the user's id (a single fold).
        own: (n_users,) bool: the user has a prompt of its own.
        fingerprint: Of everything that determines the vectors.
        summary: One line on what was re-used or made, and for how many users.
    """

    user: torch.Tensor
    scenario: torch.Tensor
    item: torch.Tensor | None
    train_index: torch.Tensor | None
    own: torch.Tensor
    fingerprint: str
    summary: str


def prepare_knowledge(config: Settings, history: TrainingHistory) -> Knowledge | None:
    """Return the knowledge that ``config`` asks for, encoding what the store lacks.

    Args:
        config: RecBole's configuration, or a mapping that answers None for a missing key.
        history: The training rows; nothing else of the data set is looked at.

    Returns:
        The vectors, or ``None`` for ``knowledge: none``.

    Raises:
        KnowledgeError: An option, template, model or store is not as it must be; the message
            says what to do. Nothing falls back to another kind of knowledge.
    """
    options = KnowledgeOptions.from_config(config)
    if options.knowledge == "none":
        return None
    bench = Workbench.open(config, history, options)
    vectors, manifest = bench.store.prepared(bench.fingerprint)
    if vectors.exists() and manifest.exists():
        found, content = load_prepared(vectors, manifest)
        done = f"re-used all {content['prompts']:,} vectors"
    else:
        if not options.knowledge_build:
            bench.refuse()
        found, report = bench.make()
        content = bench.manifest(found, report)
        save_prepared(vectors, manifest, found, content)
        done = f"made {report.made:,} vectors in {report.seconds:.1f} s, re-used {report.reused:,}"
    coverage = Coverage(**content["coverage"])
    coverage.check(options.knowledge_min_coverage, logger)
    width = found.user.shape[1]
    return Knowledge(
        user=torch.from_numpy(found.user.astype(np.float32)),
        scenario=torch.from_numpy(found.scenario),
        item=None if found.item is None else torch.from_numpy(found.item.astype(np.float32)),
        train_index=None if found.train_index is None else torch.from_numpy(found.train_index),
        own=torch.from_numpy(found.own),
        fingerprint=bench.fingerprint,
        summary=f"knowledge {options.knowledge}, {width} wide: {done}; {coverage}; "
        f"store {bench.store.folder}",
    )


@dataclass
class Workbench:
    """A run's store, encoder and prompts, shared by the hook and the command line."""

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
        """Choose store and encoder, and fingerprint what is asked for; encodes nothing."""
        if options.knowledge != "random" and history.rows["time"].is_null().all():
            logger.warning(
                "%s: no times are loaded (TIME_FIELD), so a prompt tells a history in the order of "
                "the training split's rows, not the newest first",
                history.dataset,
            )
        store = KnowledgeStore(store_folder(config, options, history.dataset))
        encoder = make_encoder(options)
        template = load_template(options, encoder, history.dataset)
        request = {
            "format": _FORMAT,
            "data": history.fingerprint,
            "template": template.fingerprint,
            "form": template.form,
            "encoder": encoder.identity(),
            "max_tokens": encoder.max_tokens,  # how much of a history there is room for
            "eol": options.knowledge_pooling == "eol",  # how a prompt ends
            **{key: getattr(options, key) for key in DECISIVE},
        }
        if options.item_knowledge:  # the items' vectors lie in the order of all items' ids
            request["item_order"] = fingerprint({"items": history.item_tokens})
        return cls(options, history, store, encoder, fingerprint(request), request)

    def plan(self) -> PromptPlan:
        """Render the prompts and let the encoder look at those of full histories."""
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
        """Encode what the store lacks of a plan."""
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
        """Return the encoder of the scenarios' prompts, fitted on them where it has to be."""
        return self.encoder.for_scenarios(plan.scenarios)

    def shelf_of(self, encoder: Encoder) -> Shelf:
        """Return the shelf of the store that holds an encoder's vectors."""
        return self.store.shelf(encoder.vector_identity())

    def make(self) -> tuple[Assembled, BuildReport]:
        """Render, encode and assemble the knowledge of this run."""
        started = time.perf_counter()
        plan = self.plan()
        report = self.build(plan)
        shelf, of_scenarios = map(self.shelf_of, (self.encoder, self.scenario_encoder(plan)))
        found = assemble(
            self.history,
            plan,
            lambda prompts: shelf.read(keys_of(prompts)),
            lambda prompts: of_scenarios.read(keys_of(prompts)),
            size=self.options.knowledge_size,
            whiten=self.options.knowledge_whiten,
            seed=self.options.knowledge_seed,
        )
        report.seconds = time.perf_counter() - started
        return found, report

    def manifest(self, found: Assembled, report: BuildReport) -> dict[str, Any]:
        """Plain values on what was made, for people and for later checks."""
        return {
            "dataset": self.history.dataset,
            "request": self.request,
            "llm": self.options.llm,
            "vectors": fingerprint(self.encoder.vector_identity()),
            "prompts": report.made + report.reused,
            "made": report.made,
            "tokens": report.tokens,
            "seconds": round(report.seconds, 3),
            "explained_variance": round(found.explained, 4),
            "coverage": vars(found.coverage),
        }

    def refuse(self) -> None:
        """Say why the store does not answer this request.

        Raises:
            KnowledgeError: Always.
        """
        known = self.store.manifests()
        if not known:
            raise KnowledgeError(
                f"knowledge_build is False and the store {self.store.folder} holds no prepared "
                "knowledge; build it first or leave knowledge_build at True"
            )
        differences = [
            [k for k in self.request if _plain(m["request"].get(k)) != _plain(self.request[k])]
            for m in known
        ]
        nearest = min(range(len(known)), key=lambda at: len(differences[at]))
        told = "; ".join(
            f"{key}: {_plain(known[nearest]['request'].get(key))} there, "
            f"{_plain(self.request[key])} here"
            for key in differences[nearest]
        )
        raise KnowledgeError(
            f"the store {self.store.folder} was not made for this run and knowledge_build is "
            f"False. The nearest of its {len(known)} entries, of data set "
            f"{known[nearest]['dataset']}, differs in {told}"
        )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def store_folder(config: Settings, options: KnowledgeOptions, dataset: str) -> Path:
    """Return the store's folder: as asked for, beside the data, or under the current folder."""
    if options.knowledge_path:
        return Path(options.knowledge_path).expanduser()
    return companion_folder(config["data_path"], dataset, "knowledge")
