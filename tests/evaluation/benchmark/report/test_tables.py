"""Tables read back, and compared with numbers computed by hand."""

from __future__ import annotations

import math

import pytest

from recbole_llm4msr.evaluation.benchmark.report.tables import frame, latex, markdown
from recbole_llm4msr.evaluation.benchmark.statistics import (
    ResampledUsers,
    compare,
)


def test_markdown_has_means_deviations_and_p_values(comparison) -> None:
    head, _, star, ours, odd = (
        [cell.strip() for cell in line.strip("| ").split(" | ")]
        for line in markdown(comparison).replace(r"\|", "/").splitlines()
    )
    assert head[:4] == ["run", "feed", "mean", "all"]
    assert star == ["STAR", "**0.6000 ± 0.0000**", "**0.6000 ± 0.0000**", "0.7100 ± 0.0100",
                    "-", "-", "-", "-", "3", "3.0", "20"]  # fmt: skip
    assert ours[3:6] == ["**0.7500 ± 0.0100**", "STAR", "+0.0400"]
    assert odd[:3] == ["50% / of_it", "-", "-"]  # a scenario that cannot be computed
    # t = .04 / (.01 / sqrt 3) on two degrees of freedom, and .0133 / (.00577 / sqrt 3), times two
    # and one after Holm
    assert float(ours[7]) == pytest.approx(2 * 0.020204, abs=2e-4)
    assert float(odd[7]) == pytest.approx(0.0572, abs=2e-4)


def test_latex_is_a_booktabs_table_with_escaped_labels(comparison) -> None:
    text = latex(comparison)
    lines = text.splitlines()
    assert lines[0].startswith(r"\begin{tabular}{lrrr") and lines[-1] == r"\end{tabular}"
    assert r"LLM4MSR\_STAR" in text and r"50\% | of\_it" in text
    assert r"\textbf{0.7500 $\pm$ 0.0100}" in text
    body = [line for line in lines if line.endswith(r"\\")]
    assert len({line.count(" & ") for line in body}) == 1 and len(body) == 4


def test_csv_numbers_are_not_rounded(comparison) -> None:
    table = frame(comparison).set_index("run")
    assert table.loc["STAR", "all"] == pytest.approx(0.71, abs=1e-12)
    assert table.loc["LLM4MSR_STAR", "difference"] == pytest.approx(0.04, abs=1e-12)
    assert table.loc["LLM4MSR_STAR", "p corrected"] == pytest.approx(
        2 * table.loc["LLM4MSR_STAR", "p"]
    )
    assert math.isnan(table.loc["50% | of_it", "feed"])


def test_one_seed_has_no_deviation_and_no_p_value(runs, tmp_path) -> None:
    one = [run for run in runs if run.seed == 1]
    text = markdown(compare(one, "auc", ResampledUsers(tmp_path)))
    assert "±" not in text
    assert "| STAR | +0.0400 | - | - | 1 |" in text
