"""``compare`` in all its forms."""

from __future__ import annotations

import pytest

from recbole_llm4msr.config.command_line import convert, parse_options
from recbole_llm4msr.config.compared import compared_names


@pytest.mark.parametrize(
    ("value", "model", "names"),
    [
        (True, "LLM4MSR_STAR", ["STAR", "DeepFM"]),
        (True, "LLM4MSR_DeepFM", ["DeepFM"]),
        (True, "STAR", ["DeepFM"]),
        ("STAR", "DeepFM", ["STAR"]),
        ("STAR, FM,STAR", "DeepFM", ["STAR", "FM"]),
        (["STAR", "FM"], "DeepFM", ["STAR", "FM"]),
        (False, "STAR", []),
        (None, "STAR", []),
    ],
)
def test_names_that_are_compared(value, model, names) -> None:
    assert compared_names(value, model) == names


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (True, "DeepFM is itself the model"),
        ("FM,DeepFM", "DeepFM is the chosen model"),
        (3, "3 is neither True nor names"),
        ([["FM"]], "is neither True nor names"),
        (",", "names no model"),
        ([], "names no model"),
    ],
)
def test_values_without_models_are_refused(value, message) -> None:
    with pytest.raises(ValueError, match=f"^compare: .*{message}"):
        compared_names(value, "DeepFM")


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        (["--compare"], True),
        (["--compare", "--epochs=1"], True),
        (["--compare=STAR,FM"], "STAR,FM"),
        (["--compare", "STAR"], "STAR"),
        (["--compare=[STAR, FM]"], ["STAR", "FM"]),
        (["--compare=False"], False),
    ],
)
def test_compare_on_the_command_line(arguments, value) -> None:
    options, others = parse_options(["--model=LLM4MSR_STAR", *arguments])
    assert convert(options["compare"]) == value
    assert not others
