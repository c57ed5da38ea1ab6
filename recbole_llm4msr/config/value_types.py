"""Check the types of values: ours by the schema, RecBole's by the comments in its yaml files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from recbole_llm4msr.config.known_keys import RECBOLES_PROPERTIES, described_keys, keys_by_file
from recbole_llm4msr.config.schema import SCHEMA, Option


def options_of(files: Iterable[Path]) -> dict[str, Option]:
    """The options that yaml files set and whose values are checked, later files winning.

    A key of this package has its type in the schema. Any other key (RecBole's, and those of a
    backbone of another package) has it in its comment. RecBole calls some weights ``int`` that are
    not (``reg_weight`` of DCN): a number of its models is checked to be a number only. Keys that
    may hold a text are left out, since a number is also read where a text is meant.
    """
    options: dict[str, Option] = {}
    for file in files:
        options |= _from_comments(file)
        options |= {key: SCHEMA[key] for key in keys_by_file().get(file, ()) if _is_ours(file, key)}
    return {key: option for key, option in options.items() if option.is_checked}


def type_error(value: Any, option: Option) -> str | None:
    """Describe the type that a value should have; ``None`` where it has it."""
    return None if option.accepts(value) else option.description()


def _is_ours(file: Path, key: str) -> bool:
    return key in SCHEMA and not file.is_relative_to(RECBOLES_PROPERTIES)


def _from_comments(file: Path) -> dict[str, Option]:
    of_a_model = file.is_relative_to(RECBOLES_PROPERTIES / "model")
    return {
        key: Option(types.replace("int", "float") if of_a_model else types, meaning)
        for key, (_, types, meaning) in described_keys(file).items()
    }
