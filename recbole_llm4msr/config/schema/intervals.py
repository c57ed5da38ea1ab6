"""Check intervals, which filters are written as: ``[5,inf)``, several joined by ``;``."""

from __future__ import annotations

import re
from typing import Any

#: Settings whose value is a text with intervals.
INTERVALS = (
    "user_inter_num_interval",
    "item_inter_num_interval",
    "entity_kg_num_interval",
    "relation_kg_num_interval",
)

_INTERVAL = re.compile(r"\s*[\[(]([^,\[\]()]+),([^,\[\]()]+)[\])]\s*")


def interval_error(key: str, value: Any) -> str | None:
    """Describe the form of an interval that cannot be read, which RecBole leaves out.

    Args:
        key: Name of a setting; those without intervals are not looked at.
        value: Its value.

    Returns:
        The end of a sentence; ``None`` where all intervals can be read.
    """
    if key == "val_interval" and isinstance(value, dict):  # a list is one of tokens
        texts = [part for part in value.values() if not isinstance(part, list | tuple)]
    else:
        texts = [value] if key in INTERVALS and value is not None else []
    for text in texts:
        if not all(_is_interval(part) for part in str(text).split(";")):
            return "has to be an interval, as '[5,inf)'; [ and ] include their end, ( and ) do not"
    return None


def _is_interval(text: str) -> bool:
    found = _INTERVAL.fullmatch(text)
    try:
        low, high = map(float, found.groups()) if found else (1.0, 0.0)
    except ValueError:
        return False
    return low <= high
