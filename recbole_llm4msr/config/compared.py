"""Read the names of ``compare``: the models that are trained after the chosen one."""

from __future__ import annotations

from typing import Any

#: RecBole's model that is compared where no names are given.
DEFAULT = "DeepFM"


def compared_names(value: Any, model: str) -> list[str]:
    """Names of the models that a run compares its model with; whether they exist is not checked.

    Args:
        value: The setting: ``True``, a list of names, or a text of names with commas between them;
            ``False`` or ``None`` compares nothing.
        model: Name of the chosen model. With ``True`` it is compared with its backbone without
            LLM4MSR, and with DeepFM.

    Returns:
        The names in the order given, each once.

    Raises:
        ValueError: The value is of another type, a name is that of the chosen model, or no model is
            left to compare with.
    """
    if value is None or value is False:
        return []
    if value is True:
        found = dict.fromkeys([model.removeprefix("LLM4MSR_"), DEFAULT])
        found.pop(model, None)
        if not found:
            raise ValueError(
                f"compare: {model} is itself the model that others are compared with by default; "
                "name models, as --compare=STAR"
            )
        return list(found)
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise ValueError(f"compare: {value!r} is neither True nor names of models, as [STAR, FM]")
    found = dict.fromkeys(name for part in parts if (name := part.strip()))
    if not found:
        raise ValueError(f"compare: {value!r} names no model; write --compare, or --compare=STAR")
    if model in found:
        raise ValueError(f"compare: {model} is the chosen model; name others, as --compare=STAR")
    return list(found)
