"""Vectors of users who were not there in training, from their interactions, by the same encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from recbole_llm4msr.data.history import TrainingHistory
from recbole_llm4msr.knowledge.encoders.base import Encoder
from recbole_llm4msr.knowledge.encoders.choice import make_encoder
from recbole_llm4msr.knowledge.encoders.huggingface.batching import plan_chunks
from recbole_llm4msr.knowledge.encoders.lsa import LsaEncoder
from recbole_llm4msr.knowledge.options import KnowledgeError, KnowledgeOptions
from recbole_llm4msr.knowledge.prompts.bare_names import names_plan
from recbole_llm4msr.knowledge.prompts.scenarios import scenario_statistics
from recbole_llm4msr.knowledge.prompts.template import PromptTemplate
from recbole_llm4msr.knowledge.prompts.writer import PromptWriter, load_template
from recbole_llm4msr.knowledge.store.chunks import keys_of, units_of
from recbole_llm4msr.knowledge.vectors.by_id import UserBasis, fit_users
from recbole_llm4msr.knowledge.vectors.compress import Compressor
from recbole_llm4msr.knowledge.workbench import Workbench


@dataclass(frozen=True)
class UserEncoder:
    """Makes a user's vector of the user's interactions as it was made for training.

    Attributes:
        options: The knowledge options of the training.
        template: The template of its prompts.
        statistics: What its prompts say of the scenarios.
        history: The training history without its rows: names of scenarios.
        encoder: The encoder, fitted as for training.
        basis: Components and means.
    """

    options: KnowledgeOptions
    template: PromptTemplate
    statistics: list[dict[str, Any]]
    history: TrainingHistory
    encoder: Encoder
    basis: UserBasis

    @classmethod
    def of_training(cls, bench: Workbench) -> UserEncoder:
        """Fit encoder and components on the training prompts once more.

        Vectors that the store of the training lacks are encoded.
        """
        plan = bench.plan()
        bench.build(plan)
        shelf = bench.shelf_of(bench.encoder)
        basis = fit_users(
            bench.history, plan, lambda prompts: shelf.read(keys_of(prompts)), bench.options
        )
        history = replace(bench.history, rows=bench.history.rows[:0], users=[], item_tokens=[])
        return cls(
            bench.options,
            load_template(bench.options, bench.encoder, history.dataset),
            scenario_statistics(bench.history, bench.options),
            history,
            bench.encoder,
            basis,
        )

    def prompts(
        self, rows: pl.DataFrame, items: pl.DataFrame, profiles: pl.DataFrame | None
    ) -> pl.DataFrame:
        """Prompts of the users that reach the threshold: columns ``user`` and ``prompt``.

        Args:
            rows: As :attr:`~recbole_llm4msr.data.history.TrainingHistory.rows`.
            items: As its ``items``, of all items of the rows.
            profiles: As its ``profiles``.
        """
        users = rows["user"].unique().sort().to_list()
        history = replace(self.history, rows=rows, users=users, items=items, profiles=profiles)
        if self.options.knowledge == "random":
            return names_plan(history, replace(self.options, item_knowledge=False)).users
        writer = PromptWriter(history, self.options, self.encoder, self.template, self.statistics)
        return writer.full_prompts()

    def vectors(
        self,
        rows: pl.DataFrame,
        items: pl.DataFrame,
        profiles: pl.DataFrame | None = None,
        report: Callable[[int, int], None] = lambda done, of: None,
    ) -> tuple[list[str], np.ndarray, np.ndarray]:
        """Vectors of the users of some rows; the arguments are those of :meth:`prompts`.

        Args:
            report: Called with the number of encoded prompts, and that of all.

        Returns:
            The users, sorted; their vectors, float32 of shape ``(U, k)``; and whether they are of a
            prompt of their own, bool of shape ``(U,)``: below the threshold a user has the mean of
            the users of the same scenarios.
        """
        seen = rows.group_by("user").agg(pl.col("scenario").unique()).sort("user")
        users = seen["user"].to_list()
        column = {token: place for place, token in enumerate(self.history.scenarios)}
        means = [
            self.basis.mean_of(sorted(column[token] for token in scenarios))
            for scenarios in seen["scenario"].to_list()
        ]
        vectors = np.asarray(means, np.float32).reshape(len(users), -1)
        own = np.zeros(len(users), bool)
        written = self.prompts(rows, items, profiles)
        if len(written):
            place = {user: number for number, user in enumerate(users)}
            at = [place[user] for user in written["user"]]
            encoded = self._encode(written["prompt"].to_list(), report)
            vectors[at], own[at] = self.basis.compressor.transform(encoded), True
        # In half precision, as the vectors that the model was trained with are stored.
        return users, vectors.astype(np.float16).astype(np.float32), own

    def _encode(self, prompts: Sequence[str], report: Callable[[int, int], None]) -> np.ndarray:
        lengths = self.encoder.count_tokens(prompts)
        order = np.argsort(-lengths, kind="stable")
        parts, done = [], 0
        for chunk in plan_chunks(lengths[order], self.options.knowledge_chunk_tokens):
            texts = [prompts[place] for place in order[chunk]]
            encoded = self.encoder.encode(self.encoder.tokenise(texts), lambda *_: None)
            parts.append(units_of(encoded.vectors)[0])
            done += len(texts)
            report(done, len(prompts))
        vectors = np.concatenate(parts)
        if not np.isfinite(vectors).all():
            raise KnowledgeError("history: a vector of the encoder holds NaN or infinity")
        restored = np.empty_like(vectors)
        restored[order] = vectors
        return restored

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray], list[str]]:
        """What :meth:`restored` reads: plain values, arrays, and the words of ``lsa``."""
        basis = self.basis
        here = {"knowledge_path": None, "knowledge_device": "auto"}  # of this machine
        options = asdict(self.options) | here
        facts = {
            "options": options,
            "template": {
                "name": Path(self.template.name).name,
                "form": self.template.form,
                "source": self.template.source,
            },
            "statistics": self.statistics,
            "dataset": self.history.dataset,
            "scenarios": self.history.scenarios,
            "scenario_names": self.history.scenario_names,
            "scenario_descriptions": self.history.scenario_descriptions,
            "encoder": self.encoder.vector_identity(),
            "scale": basis.compressor.scale,
            "explained": basis.compressor.explained,
        }
        arrays = {
            "components": basis.compressor.components,
            "mean": basis.compressor.mean,
            "mean_of_scenario": basis.of_scenario,
            "mean_of_all": basis.overall,
        }
        words: list[str] = []
        if isinstance(self.encoder, LsaEncoder):
            fitted, words = self.encoder.fitted()
            arrays |= {f"lsa_{name}": array for name, array in fitted.items()}
        return facts, arrays, words

    @classmethod
    def restored(
        cls,
        facts: dict[str, Any],
        arrays: dict[str, np.ndarray],
        words: Sequence[str],
        llm: str | None = None,
    ) -> UserEncoder:
        """Return the encoder of a :meth:`state`.

        Args:
            facts: Plain values.
            arrays: Arrays.
            words: The words of ``lsa``.
            llm: Where the language model is now; ``None`` for where it was in training.

        Raises:
            KnowledgeError: The language model is not there, or is another one.
        """
        options = KnowledgeOptions(**facts["options"])
        if llm is not None:
            if options.llm is None:
                raise KnowledgeError(f"llm: the prompts were encoded by {options.knowledge}")
            options = replace(options, llm=llm)
        if options.knowledge == "lsa":
            own = {k[4:]: np.array(v) for k, v in arrays.items() if k.startswith("lsa_")}
            encoder: Encoder = LsaEncoder.restored(facts["encoder"], own, words)
        else:
            encoder = make_encoder(options)
            _check_same(facts["encoder"], encoder.vector_identity(), options)
        compressor = Compressor(
            arrays["components"], arrays["mean"], facts["scale"], facts["explained"]
        )
        history = TrainingHistory(
            dataset=facts["dataset"],
            rows=pl.DataFrame(),
            users=[],
            items=pl.DataFrame(),
            item_tokens=[],
            scenarios=facts["scenarios"],
            scenario_names=facts["scenario_names"],
            scenario_descriptions=facts["scenario_descriptions"],
        )
        return cls(
            options,
            PromptTemplate.of_source(**facts["template"]),
            facts["statistics"],
            history,
            encoder,
            UserBasis(compressor, arrays["mean_of_scenario"], arrays["mean_of_all"]),
        )


def _check_same(trained: dict[str, Any], now: dict[str, Any], options: KnowledgeOptions) -> None:
    """Check that the encoder is that of the training."""
    differing = [key for key in {**trained, **now} if trained.get(key) != now.get(key)]
    if differing:
        said = "; ".join(f"{k}: {trained.get(k)} in training, {now.get(k)} now" for k in differing)
        raise KnowledgeError(f"llm: {options.llm} is not the model of the training: {said}")
