"""Read the names of ``compare``: the models that are trained after the chosen one."""

from __future__ import annotations

from typing import Any

from recbole_llm4msr.config import names

#: RecBole's model that is compared where no names are given.
DEFAULT = "DeepFM"

_PREFIX = "LLM4MSR_"


def compared_names(value: Any, model: str) -> list[str]:
    """Names of the models that a run compares its model with, each of which may exist.

    Args:
        value: The setting: ``True``, a list of names, or a text of names with commas between them;
            ``False`` or ``None`` compares nothing.
        model: Name of the chosen model. With ``True`` it is compared with its backbone without
            LLM4MSR, and with DeepFM.

    Returns:
        The names in the order given, each once.

    Raises:
        ValueError: The value is of another type, a name is unknown or that of the chosen model, or
            no model is left to compare with.
    """
    if value is None or value is False:
        return []
    if value is True:
        found = [model.removeprefix(_PREFIX), DEFAULT]
        found = [name for name in dict.fromkeys(found) if name != model]
        if not found:
            raise ValueError(
                f"compare: {model} is itself the model that others are compared with by default; "
                "name models, as --compare=STAR"
            )
        return found
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise ValueError(f"compare: {value!r} is neither True nor names of models, as [STAR, FM]")
    found = list(dict.fromkeys(name for part in parts if (name := part.strip())))
    if not found:
        raise ValueError(f"compare: {value!r} names no model; write --compare, or --compare=STAR")
    for name in found:
        names.check_model(name, "compare")
        if name.lower() == model.lower():
            raise ValueError(f"compare: {name} is the chosen model; name others, as --compare=STAR")
    return found
