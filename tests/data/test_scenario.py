from __future__ import annotations

import pandas as pd
import pytest

from recbole_llm4msr.data.scenario import ScenarioError, ScenarioNames, check_rule, derive


def test_bins_include_their_upper_edge() -> None:
    rule = {"field": "age", "bins": [24, 35], "labels": ["young", "middle", "old"]}
    ages = pd.Series(["7", "24", "25", "35", "36", "99"])
    assert derive(ages, rule).tolist() == ["young", "young", "middle", "middle", "old", "old"]


def test_bins_without_labels_are_named_by_their_edges() -> None:
    assert derive(pd.Series([1, 5, 9]), {"field": "x", "bins": [2, 6]}).tolist() == [
        "..2",
        "2-6",
        "6..",
    ]


def test_a_mapping_without_a_value_raises_and_names_it() -> None:
    rule = {"field": "gender", "mapping": {"F": "women", "M": "men"}}
    assert derive(pd.Series(["M", "F"]), rule).tolist() == ["men", "women"]
    with pytest.raises(ScenarioError, match="no entry for .*X"):
        derive(pd.Series(["M", "X"]), rule)
    with pytest.raises(ScenarioError, match="bins need numbers, age holds .*old"):
        derive(pd.Series(["1", "old"]), {"field": "age", "bins": [1]})


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"field": "age"}, "either `bins` or `mapping`"),
        ({"bins": [1]}, "give `field`"),
        ({"field": "age", "bins": [1], "mapping": {}}, "either `bins` or `mapping`"),
        ({"field": "age", "bins": [3, 1]}, "must increase"),
        ({"field": "age", "bins": [1], "labels": ["a"]}, "1 bins make 2 scenarios"),
        ({"field": "age", "bins": [1], "names": ["a"]}, "a name for each"),
        ({"field": "age", "bin": [1]}, "unknown key .*bin"),
    ],
)
def test_an_incomplete_scenario_rule_raises(rule, message) -> None:
    with pytest.raises(ScenarioError, match=message):
        check_rule(rule)


def test_names_are_read_from_the_file_and_may_be_missing(tmp_path) -> None:
    path = tmp_path / "a.scenario"
    assert ScenarioNames.read(path, "scenario", "\t") == ScenarioNames({}, {})
    path.write_text("scenario:token\tscenario_name:token_seq\nb\tThe B\nc\t\n")
    assert ScenarioNames.read(path, "scenario", "\t") == ScenarioNames({"b": "The B"}, {})
    with pytest.raises(ScenarioError, match=r"a\.scenario: there is no column domain"):
        ScenarioNames.read(path, "domain", "\t")
