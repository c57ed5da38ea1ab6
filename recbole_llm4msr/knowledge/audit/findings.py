"""Findings of an audit, and the rule for their verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from recbole_llm4msr.knowledge.audit.cut_prompts import Cuts
from recbole_llm4msr.knowledge.audit.leaks import COUNT, DIFFERENCE, ITEM, SIMILARITY, VECTOR
from recbole_llm4msr.knowledge.audit.probes import Estimate

OK, LEAK, NOTE = "ok", "leak", "note"

#: A probe finds a leak where its AUC is above .5 by more than both.
STANDARD_ERRORS = 3.0
MARGIN = 0.02

PROBES = {
    VECTOR: "vector of the row",
    ITEM: "vector, and vector times item's vector",
    SIMILARITY: "cosine of vector and item's vector",
    DIFFERENCE: "vector without the user's mean",
    COUNT: "positives outside the row's fold",
}


@dataclass(frozen=True)
class Finding:
    """A line of an audit.

    Attributes:
        check: What was checked.
        cells: The result with one fold and with the other number, as text.
        verdict: ``OK``, ``LEAK`` or ``NOTE``.
        remark: What it means and what to do; may be empty.
        figures: The numbers behind it.
    """

    check: str
    cells: tuple[str, str]
    verdict: str
    remark: str = ""
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Audit:
    """The result of an audit.

    Attributes:
        dataset: Name of the data set.
        knowledge: Kind of knowledge, with its model.
        chosen: ``knowledge_folds`` of the run, for which the verdicts hold.
        folds: The two numbers of folds that were checked.
        rows: Rows of the sample that the probes were run on.
        users: Users of that sample.
        findings: The lines.
    """

    dataset: str
    knowledge: str
    chosen: int
    folds: tuple[int, int]
    rows: int
    users: int
    findings: Sequence[Finding]

    @property
    def leaks(self) -> bool:
        """Whether a finding is a leak."""
        return any(finding.verdict == LEAK for finding in self.findings)


def exceeds(estimate: Estimate, chance: float = 0.5) -> bool:
    """Return whether an AUC is above ``chance`` by more than the margin and 3 standard errors."""
    above = estimate.auc - chance
    return above > MARGIN and above > STANDARD_ERRORS * estimate.error


def probe_finding(
    probe: str, results: Sequence[dict[str, Estimate]], folds: tuple[int, int], chosen: int
) -> Finding:
    """Judge one probe.

    Args:
        probe: A key of ``PROBES``.
        results: The probes with each number of ``folds``.
        folds: One fold, and another number.
        chosen: The number of the run.
    """
    found = [result.get(probe) for result in results]
    cells = tuple("-" if e is None else f"{e.auc:.3f} ± {e.error:.3f}" for e in found)
    figures = {
        str(k): {"auc": round(e.auc, 4), "standard_error": round(e.error, 4)}
        for k, e in zip(folds, found, strict=True)
        if e is not None
    }
    place = folds.index(chosen)
    verdict, remark = _judged(probe, found[place], results[place].get(COUNT), chosen)
    return Finding(PROBES[probe], cells, verdict, remark, figures)


def _judged(
    probe: str, estimate: Estimate | None, count: Estimate | None, chosen: int
) -> tuple[str, str]:
    if estimate is None:
        return OK, "one vector for all rows of a user"
    if probe == SIMILARITY and estimate.auc < 0.5:  # no fit has chosen the sign
        estimate = Estimate(1 - estimate.auc, estimate.error)
    if not exceeds(estimate):
        return OK, ""
    if probe == COUNT:  # no vector is read: it is the bound that follows from leaving rows out
        return NOTE, "no vector shows it by itself; folds cannot hide it from a model that counts"
    if chosen == 1:
        return LEAK, "a row's own item is in its user's prompt: set knowledge_folds: 5"
    if count is not None and not exceeds(estimate, count.auc):
        return NOTE, (
            f"no more than the number of positives outside the row's fold tells ({count.auc:.3f}), "
            "to a model that knows the user; knowledge_folds: 2 lowers it"
        )
    return LEAK, "a row's vector depends on its own label; try knowledge_folds: 2"


def coincidence_finding(kind: str, count: int, of: int, source: str) -> Finding:
    """Report how many of the vectors of one kind coincide although their texts differ."""
    figures = {"coinciding": count, "vectors": of, "source": source}
    verdict, remark = OK if of else NOTE, source
    if count:
        verdict, remark = NOTE, f"{source}; what distinguishes them is not in their vectors"
    check = f"{kind} that coincide, with other texts"
    return Finding(check, _same(_share(count, of)), verdict, remark, figures)


def cut_finding(kind: str, cuts: Cuts, limit: int | None) -> Finding:
    """Report how many prompts of one kind are cut, and by how much."""
    figures = {"limit": limit, **vars(cuts)}
    remark = "no limit" if limit is None else f"limit of {limit} tokens"
    if cuts.cut:
        items, remedy = "", "raise prompt_max_tokens"
        if cuts.items is not None:
            items, remedy = f" and {cuts.items:.1f} items", f"{remedy}, or lower prompt_history"
        remark += f"; a cut one loses {cuts.tokens:.0f} tokens{items} on average: {remedy}"
    check = f"prompts of {kind} that are cut"
    verdict = NOTE if cuts.cut else OK
    return Finding(check, _same(_share(cuts.cut, cuts.prompts)), verdict, remark, figures)


def _same(cell: str) -> tuple[str, str]:
    return cell, cell


def _share(count: int, of: int) -> str:
    if not of:
        return "-"
    return f"{count:,} of {of:,}" + (f" ({100 * count / of:.1f} %)" if count else "")
