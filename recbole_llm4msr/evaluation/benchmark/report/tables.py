"""Tables of a comparison as Markdown, LaTeX and CSV."""

from __future__ import annotations

from math import isfinite

import pandas as pd

from recbole_llm4msr.evaluation.benchmark.statistics import Cell, Comparison, Row

#: Decimals in tables; CSV files are not rounded.
DECIMALS = 4

# pandas escapes the others, but not <, > and [.
_LATEX = {"&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "$": r"\$", "{": r"\{", "}": r"\}"}
_LATEX |= {"<": "$<$", ">": "$>$", "[": "{[}", "]": "{]}"}  # a line may not begin with a bracket
_LATEX |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


def markdown(comparison: Comparison) -> str:
    """Format a comparison as a Markdown table; the best of a column is bold."""
    lines = _lines(comparison, bold="**{}**".format, plus_minus=" ± ", dash="-")
    lines = [[cell.replace("|", r"\|") for cell in line] for line in lines]
    rule = ["---"] + ["---:"] * (len(lines[0]) - 1)
    return "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], rule, *lines[1:]]) + "\n"


def latex(comparison: Comparison) -> str:
    """Format a comparison as a LaTeX table, which needs the package booktabs."""
    lines = _lines(
        comparison,
        bold=r"\textbf{{{}}}".format,
        plus_minus=r" $\pm$ ",
        dash="--",
        escape=lambda text: "".join(_LATEX.get(sign, sign) for sign in text),
    )
    table = pd.DataFrame(lines[1:], columns=lines[0])
    columns = "l" + "r" * (len(lines[0]) - 1)
    return table.to_latex(index=False, escape=False, column_format=columns)


def frame(comparison: Comparison) -> pd.DataFrame:
    """Return the unrounded numbers of a comparison, one row per model."""
    rows = []
    for row in comparison.rows:
        numbers: dict[str, object] = {"run": row.label}
        for name, cell in row.cells.items():
            numbers |= {name: cell.mean, f"{name} deviation": cell.deviation}
        low, high = row.interval or (None, None)
        numbers |= {
            "baseline": row.baseline,
            "difference": row.difference.mean if row.difference else None,
            "low": low,
            "high": high,
            "p": row.difference.p if row.difference else None,
            "p corrected": row.p,
            "seeds": row.seeds,
            "epochs": row.epochs,
            "training seconds": row.seconds,
        }
        rows.append(numbers)
    return pd.DataFrame(rows)


def _lines(comparison: Comparison, *, bold, plus_minus, dash, escape=str) -> list[list[str]]:
    """Texts of the cells, line by line, the column names first."""
    best = {name: comparison.best(name, DECIMALS) for name in comparison.columns}
    head = ["run", *comparison.columns, "baseline", "difference", "95 %", "p", "seeds", "epochs"]
    lines = [[escape(text) for text in [*head, "training, s"]]]
    for row in comparison.rows:
        line = [escape(row.label)]
        for name, cell in row.cells.items():
            text = format_cell(cell, plus_minus, dash)
            line.append(bold(text) if row.label in best[name] else text)
        line += [escape(text) if text else dash for text in baseline_cells(row)]
        line += [str(row.seeds), f"{row.epochs:.1f}"]
        line.append(f"{row.seconds:.0f}" if isfinite(row.seconds) else dash)
        lines.append(line)
    return lines


def format_cell(cell: Cell, plus_minus: str, dash: str) -> str:
    """Format mean and, if there is one, deviation of a metric over seeds."""
    if cell.mean is None:
        return dash
    spread = "" if cell.deviation is None else f"{plus_minus}{cell.deviation:.{DECIMALS}f}"
    return f"{cell.mean:.{DECIMALS}f}{spread}"


def baseline_cells(row: Row) -> list[str]:
    """Format baseline, difference, interval and p-value; empty texts for those that are missing."""
    if row.difference is None or not isfinite(row.difference.mean):
        return [row.baseline or "", "", "", ""]
    interval = "" if row.interval is None else "[{:+.4f}, {:+.4f}]".format(*row.interval)
    p = "" if row.p is None else "<.0001" if row.p < 1e-4 else f"{row.p:.4f}"
    return [row.baseline or "", f"{row.difference.mean:+.{DECIMALS}f}", interval, p]
