"""Plots read back."""

from __future__ import annotations

import re

import pytest

from recbole_llm4msr.evaluation.benchmark.report.drawing import draw, write_html, write_png
from recbole_llm4msr.evaluation.benchmark.report.plots import plots_of
from recbole_llm4msr.evaluation.benchmark.statistics import (
    ResampledUsers,
)


def test_plots_show_the_numbers(runs, tmp_path) -> None:
    plots = plots_of(runs, ResampledUsers(tmp_path))
    gain, curves, time = (draw(plot).axes[0].containers for plot in plots)
    assert gain[0].get_label() == "LLM4MSR_STAR over STAR"
    assert plots[0].points[0].x == ["all rows", "feed"]
    x, y = gain[0].lines[0].get_data()
    assert [round(place) for place in x] == [0, 1]
    assert y == pytest.approx((0.04, 0.0))
    x, y = gain[1].lines[0].get_data()
    assert [round(place) for place in x] == [0]  # the scenario that cannot be computed is left out
    ticks = draw(plots[0]).axes[0].get_xticklabels()
    assert [tick.get_text() for tick in ticks] == ["all rows", "feed"]
    assert curves[1].lines[0].get_ydata() == pytest.approx((0.6, 0.7, 0.75))
    x, y = time[0].lines[0].get_data()
    assert (list(x), list(y)) == ([20.0], [pytest.approx(0.71)])


def test_png_can_be_read(runs, tmp_path) -> None:
    from matplotlib.image import imread

    write_png(draw(plots_of(runs, ResampledUsers(tmp_path))[0]), tmp_path / "p.png")
    assert imread(tmp_path / "p.png").std() > 0


def test_html_loads_nothing_and_has_the_plot(runs, tmp_path) -> None:
    plot = plots_of(runs, ResampledUsers(tmp_path))[0]
    write_html(draw(plot), plot.title, tmp_path / "p.html")
    page = (tmp_path / "p.html").read_text()
    assert page.startswith("<!DOCTYPE html>") and page.count("<svg") == 1
    assert f"<title>{plot.title}</title>" in page
    assert not re.search(r"<script|<link|<iframe|@import", page)
    # All references are within the page; the addresses of namespaces and licences are not loaded.
    assert re.findall(r"(?:href|src)=\"(?!#)", page) == []
