"""What is guessed, what is shown, and what the notes say."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from rich.console import Console
from typer.testing import CliRunner

from dataset_converters.cli import app
from dataset_converters.table import TableOptions
from dataset_converters.table.names import ColumnNames
from dataset_converters.table.planning import make_plan
from dataset_converters.table.scenarios import scenario_notes
from dataset_converters.table.show import show_plan
from tests.dataset_converters.table.conftest import LOG

GUESSES = {
    "user_id,item_id,label,scenario,timestamp": ("user_id", "item_id", "label", "scenario"),
    "reviewerID,asin,overall,domain,unixReviewTime": ("reviewerID", "asin", "overall", "domain"),
    "User Id,Movie-ID,is_click,tab,date": ("User Id", "Movie-ID", "is_click", "tab"),
    "uid,parent_asin,asin,stars,channel,x": ("uid", "parent_asin", "stars", "channel"),
    "visitorid,productId,page,click,rating": ("visitorid", "productId", "click", "page"),
}


@pytest.mark.parametrize("header", GUESSES)
def test_usual_names(write, header: str) -> None:
    row = ",".join("1" for _ in header.split(","))
    roles = make_plan([write("l.csv", [header, row])], TableOptions()).roles
    outcome = roles.label or roles.rating
    assert sorted(map(str, (roles.user, roles.item, outcome, roles.scenario))) == sorted(
        GUESSES[header]
    )
    assert not (roles.label and roles.rating)


def test_the_plan_is_shown(write) -> None:
    items = write("items.csv", ["iid,title,[/]x", "a,A,1.5"])
    options = TableOptions(items=(items,), implicit=True, negatives=3, time="none")
    plan = make_plan([write("log.csv", LOG)], options)
    console = Console(width=120, record=True)
    show_plan(plan, options, console)
    shown = console.export_text()
    for part in ("uid", "user_id", "007", "its name", "every row; 3 negatives each", "no time"):
        assert part in shown
    lines = [line for line in shown.splitlines() if "[/]x" in line]
    assert "float" in lines[0]
    assert "item: [/]x is written as /_x" in shown


def test_names() -> None:
    names = ColumnNames()
    taken = [names.add(name, "log") for name in ("a b", "a:b", "label", "ok", " \t", "a_b")]
    assert taken == ["a_b", "log_a_b", "log_label", "ok", "column", "log_a_b_2"]
    assert "log: ok" not in names.renamed


def test_notes_on_scenarios() -> None:
    assert "one scenario only (a)" in scenario_notes(pl.Series(["a"]))[0]
    many = pl.Series([str(number) for number in range(301)])
    assert "There are 301 scenarios" in scenario_notes(many)[0]
    alike = scenario_notes(pl.Series(["Home", "home ", "b"]))
    assert alike == ["These scenarios differ in blanks or capitals only: 'Home', 'home '"]
    assert scenario_notes(pl.Series(["a", "b"])) == []


def test_the_command(write, tmp_path: Path) -> None:
    first, second = write("log.csv", LOG), write("more.csv", LOG)
    words = ["table", "--input", first, second, "--output", tmp_path / "out" / "d"]
    words += ["--features", "price,watch", "--type", "price=float", "--repeats", "merge"]
    runner = CliRunner()
    done = runner.invoke(app, [*map(str, words), "--dry-run"], env={"COLUMNS": "120"})
    assert done.exit_code == 0, done.output
    assert "it would be d.inter, d.scenario, d.yaml" in done.output
    assert not (tmp_path / "out").exists()
    done = runner.invoke(app, [*map(str, words), "--quiet"], env={"COLUMNS": "120"})
    assert done.exit_code == 0, done.output
    assert "4  rows dropped: repeated user and item, merged" in done.output
    assert f"--dataset=d --data_path={tmp_path / 'out'}" in done.output
    done = runner.invoke(app, [*map(str, words), "--type", "price"], env={"COLUMNS": "120"})
    assert (done.exit_code, "must be COLUMN=TYPE" in done.output) == (1, True)
