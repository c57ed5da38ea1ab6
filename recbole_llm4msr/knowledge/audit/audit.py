"""Audit the knowledge of a run on a sample of its users; nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from recbole_llm4msr.data.history import TrainingHistory
from recbole_llm4msr.knowledge.audit.coinciding import coinciding
from recbole_llm4msr.knowledge.audit.cut_prompts import write_prompts
from recbole_llm4msr.knowledge.audit.findings import (
    NOTE,
    PROBES,
    Audit,
    Finding,
    coincidence_finding,
    cut_finding,
    probe_finding,
)
from recbole_llm4msr.knowledge.audit.leaks import leak_probes
from recbole_llm4msr.knowledge.audit.sample import permute_labels, sample_users
from recbole_llm4msr.knowledge.encoders.base import UNLIMITED, Encoder
from recbole_llm4msr.knowledge.encoders.choice import make_encoder
from recbole_llm4msr.knowledge.options import KnowledgeError, KnowledgeOptions, Settings
from recbole_llm4msr.knowledge.prompts.writer import PromptPlan
from recbole_llm4msr.knowledge.store.chunks import keys_of
from recbole_llm4msr.knowledge.store.store import store_of

ROWS = 20_000
"""Most training rows of the sampled users, which bounds the time."""

_OTHER_FOLDS = 5  # compared where the run has one fold


def audit_knowledge(
    config: Settings,
    history: TrainingHistory,
    options: KnowledgeOptions,
    report_step: Callable[[str], None] = lambda step: None,
    most_rows: int = ROWS,
) -> Audit:
    """Look for leaks of labels, coinciding vectors and cut prompts.

    Leaks are measured on knowledge that is made anew: the labels of a sample of users are permuted
    within each user, and ``lsa`` encodes the prompts of their rows, whatever encoder the run has.
    Vectors of the run's encoder are read from its store, where they are; no model is run.

    Args:
        config: Configuration of the run, for the place of its store.
        history: The training rows.
        options: The knowledge options of the run.
        report_step: Called with the name of each step.
        most_rows: Rows of the sample.

    Raises:
        KnowledgeError: The run has no prompts, or no user can be sampled.
    """
    if options.knowledge not in ("lsa", "transformers", "endpoint"):
        raise KnowledgeError(
            f"knowledge: {options.knowledge} writes no prompts, so there is nothing to audit"
        )
    chosen, seed = options.knowledge_folds, options.knowledge_seed
    folds = (1, chosen if chosen > 1 else _OTHER_FOLDS)
    sample = sample_users(history, most_rows, seed, both_labels=True)
    findings: list[Finding] = []
    if sample is None or len(sample.users) < 2:
        remark = "fewer than two users have positive and negative training rows"
        findings.append(Finding("label of a row", ("-", "-"), NOTE, remark))
    else:
        permuted = permute_labels(sample, seed)
        results = []
        for k in folds:
            report_step(f"probes with {k} fold{'s' if k > 1 else ''}")
            results.append(leak_probes(permuted, options, k))
        findings += [probe_finding(probe, results, folds, chosen) for probe in PROBES]
    report_step("prompts")
    findings += _vector_and_prompt_findings(config, history, options, most_rows)
    return Audit(
        history.dataset,
        f"{options.knowledge} {options.llm or ''}".strip(),
        chosen,
        folds,
        0 if sample is None else sample.rows.height,
        0 if sample is None else len(sample.users),
        findings,
    )


def _vector_and_prompt_findings(
    config: Settings, history: TrainingHistory, options: KnowledgeOptions, most_rows: int
) -> list[Finding]:
    encoder = make_encoder(options)
    sample = sample_users(history, most_rows, options.knowledge_seed)
    if sample is None:
        raise KnowledgeError(f"{history.dataset}: there are no training rows")
    plan, cuts = write_prompts(history, sample, options, encoder)
    prompts = {"users": plan.full["prompt"].to_list(), "scenarios": plan.scenarios}
    if plan.items is not None:
        prompts["items"] = plan.items["prompt"].to_list()
    read = _reader(config, history, options, encoder, plan)
    findings = []
    for kind, texts in prompts.items():
        vectors, texts = read(kind, texts)
        source = f"{len(texts):,} read from the store"
        if options.knowledge == "lsa":
            source = "fitted on the sample"
        elif not len(texts):
            source = "not encoded yet; audit again after the build"
        findings.append(
            coincidence_finding(
                kind, coinciding(vectors, texts) if texts else 0, len(texts), source
            )
        )
    limit = None if encoder.max_tokens >= UNLIMITED else encoder.max_tokens
    return findings + [cut_finding(kind, cut, limit) for kind, cut in cuts.items()]


def _reader(
    config: Settings,
    history: TrainingHistory,
    options: KnowledgeOptions,
    encoder: Encoder,
    plan: PromptPlan,
) -> Callable[[str, Sequence[str]], tuple[np.ndarray, list[str]]]:
    """Return a function of kind and prompts that returns the vectors there are, and their prompts.

    ``lsa`` is fitted and run here; vectors of other encoders are looked up in the store.
    """
    if options.knowledge == "lsa":
        if plan.full.height:
            encoder.prepare(plan.full["prompt"].to_list())
        of_scenarios = encoder.for_scenarios(plan.scenarios)

        def encode(kind: str, prompts: Sequence[str]) -> tuple[np.ndarray, list[str]]:
            chosen = of_scenarios if kind == "scenarios" else encoder
            if not prompts:
                return np.empty((0, 0)), []
            return chosen.encode(chosen.tokenise(prompts), lambda *_: None).vectors, list(prompts)

        return encode
    store = store_of(config, options, history.dataset)
    shelf = store.shelf(encoder.vector_identity())

    def look_up(kind: str, prompts: Sequence[str]) -> tuple[np.ndarray, list[str]]:
        keys = keys_of(prompts)
        there = shelf.find(keys) >= 0
        return shelf.read(keys[there]), [
            prompt for prompt, found in zip(prompts, there, strict=True) if found
        ]

    return look_up
