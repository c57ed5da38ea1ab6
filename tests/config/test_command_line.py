from __future__ import annotations

import pytest

from recbole_llm4msr.config.command_line import convert, is_own_program, parse_options


def test_option_with_equals_sign_or_space_is_the_same() -> None:
    assert parse_options(["--a=1", "--b", "2", "-m", "STAR"]) == (
        {"a": "1", "b": "2", "model": "STAR"},
        [],
    )


def test_a_value_may_hold_an_equals_sign() -> None:
    assert parse_options(["--note=a=b"])[0] == {"note": "a=b"}


def test_option_without_value_and_bare_word_are_not_options() -> None:
    assert parse_options(["word", "--flag", "--a=1", "--last"]) == (
        {"a": "1"},
        ["word", "--flag", "--last"],
    )


def test_repeated_option_with_different_values_raises() -> None:
    assert parse_options(["--a=1", "--a", "1"])[0] == {"a": "1"}
    with pytest.raises(SyntaxError, match="given twice"):
        parse_options(["--a=1", "--a=2"])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1", 0.1),
        ("1e-3", 1e-3),
        ("[64, 32]", [64, 32]),
        ("{'RS': [0.8, 0.1, 0.1]}", {"RS": [0.8, 0.1, 0.1]}),
        ("True", True),
        ("false", False),
        ("None", None),
        ("amazon-bst", "amazon-bst"),
        ("a/b", "a/b"),
        ("1/0", "1/0"),
        ("__import__('os').getcwd()", "__import__('os').getcwd()"),
        (3, 3),
    ],
)
def test_option_values_are_parsed_without_evaluating_code(text, value) -> None:
    assert convert(text) == value


def test_command_line_is_read_by_this_packages_commands_only() -> None:
    assert is_own_program("/x/run_recbole.py")
    assert is_own_program("/x/bin/recbole-llm4msr")
    assert is_own_program("/x/recbole_llm4msr/__main__.py")
    assert not is_own_program("/x/pytest/__main__.py")
