"""Markdown table of the figures, with machine and date, and table of a profile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from speed.figure import Bound, Row, Series

_HEAD = "| figure | what | this package | against | theirs | ratio | bound | holds | note |"


def table(rows: Iterable[tuple[str, Row]]) -> str:
    """Format rows as a Markdown table: medians over repeats, ranges of the ratio."""
    lines = [_HEAD, "|" + "---|" * (_HEAD.count("|") - 1)]
    for figure, row in rows:
        cells = [
            *(figure, row.what, _number(row.ours), row.against),
            *("" if row.theirs is None else _number(row.theirs), _ratio(row)),
            *(_bound_text(row.bound, row), _holds(row), row.note),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _number(series: Series) -> str:
    if not series.values:
        return series.stopped or "not measured"
    return f"{_digits(series.median)} {series.unit}".strip()


def _digits(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _ratio(row: Row) -> str:
    ratios = row.ratios
    if not ratios:
        return ""
    middle = f"{_digits(median(ratios))}x {row.gain}".strip()
    if len(ratios) == 1:
        return middle
    return f"{middle} ({_digits(min(ratios))} to {_digits(max(ratios))})"


def _bound_text(bound: Bound | None, row: Row) -> str:
    if bound is None:
        return ""
    number = f"{bound.most:g}" if bound.least is None else f"{bound.least:g}"
    word = "at most" if bound.least is None else "at least"
    return f"{word} {number}{'x' if bound.of == 'ratio' else ' ' + row.ours.unit}"


def _holds(row: Row) -> str:
    if row.bound is None:
        return ""
    values = row.ratios if row.bound.of == "ratio" else list(row.ours.values.values())
    if not values:
        return "not measured"
    middle = median(values)
    if row.bound.most is not None:
        return "yes" if middle <= row.bound.most else "NO"
    return "yes" if middle >= row.bound.least else "NO"


def machines(entries: Sequence[dict[str, Any]], scale: str, repeats: int) -> str:
    """Format date, machine and versions of the figures, one line per different machine."""
    lines = {}
    for entry in entries:
        versions = ", ".join(f"{name} {number}" for name, number in entry["versions"].items())
        line = (
            f"{entry['processor']}, {entry['cores']} cores, threads: {entry['threads']}, "
            f"{entry['memory_gib']} GiB, {entry['system']}; {versions}"
        )
        lines.setdefault(line, []).append(entry)
    texts = []
    for line, group in lines.items():
        days = sorted({entry["when"][:10] for entry in group})
        loads = [entry["load"] for entry in group]
        days = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
        texts.append(f"{days}: {line}; load average {min(loads)} to {max(loads)}.")
    kind = (
        ""
        if scale == "full"
        else f" Scale {scale}: a test that everything runs; the figures mean nothing."
    )
    return "\n".join(
        [*texts, f"Repeats: {repeats}; medians, the range of the ratio in brackets.{kind}"]
    )


def profile_list(case: str, profile: Sequence[Sequence]) -> str:
    """Format the costliest operations of a case as a Markdown table."""
    lines = [f"{case}\n", "| operation | share of CPU time | calls a step |", "|---|---|---|"]
    lines += [f"| {name} | {share:.1%} | {calls:g} |" for name, share, calls in profile]
    return "\n".join(lines) + "\n"
