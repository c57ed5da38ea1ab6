"""Names of models and metrics, read from source files: nothing is imported."""

from __future__ import annotations

import difflib
import re
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

import recbole

#: Packages announce backbones of their own in this entry-point group.
ENTRY_POINTS = "recbole_llm4msr.backbones"

_BACKBONES = Path(__file__).parents[1] / "model" / "backbone"
_RECBOLES = Path(recbole.__file__).parent / "model"
_REGISTERED = re.compile(r"^@register_backbone\nclass (\w+)", re.MULTILINE)
_CLASS = re.compile(r"^class (\w+)", re.MULTILINE)


@cache
def backbones() -> tuple[str, ...]:
    """This package's backbones, file by file."""
    files = sorted(_BACKBONES.glob("*.py"))
    return tuple(name for file in files for name in _classes(file, _REGISTERED))


@cache
def announced() -> tuple[str, ...]:
    """Backbones that installed packages announce."""
    return tuple(entry.name for entry in entry_points(group=ENTRY_POINTS))


@cache
def recboles_context_models() -> tuple[str, ...]:
    """RecBole's context-aware models: the class of each file that has its name."""
    files = sorted((_RECBOLES / "context_aware_recommender").glob("*.py"))
    return tuple(
        name for file in files for name in _classes(file, _CLASS) if name.lower() == file.stem
    )


@cache
def metrics() -> tuple[str, ...]:
    """RecBole's metrics in lower case: the classes of its module, in alphabetical order."""
    file = Path(recbole.__file__).parent / "evaluator" / "metrics.py"
    return tuple(sorted(name.lower() for name in _classes(file, _CLASS)))


def check_model(name: str, key: str = "model") -> None:
    """Check that a model of this name may exist, without importing models.

    A name that passes may still be refused by :func:`recbole_llm4msr.get_model`, with the same
    message.

    Args:
        name: Name of the model.
        key: Setting that names it, for the message.

    Raises:
        ValueError: There is no such model; the message names the nearest ones.
    """
    plain = name.removeprefix("LLM4MSR_")
    if plain in backbones() or any(plain.lower() == other.lower() for other in announced()):
        return
    if any(_RECBOLES.glob(f"*/{re.sub('[^a-z0-9_]', '', plain.lower())}.py")):
        return
    own = (*backbones(), *announced())
    theirs = recboles_context_models()
    twins = [f"LLM4MSR_{other}" for other in (*own, *theirs)]
    folded = {other.lower(): other for other in (*own, *twins, *theirs)}
    near = difflib.get_close_matches(name.lower(), folded, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(folded[n] for n in near)}?" if near else ""
    raise ValueError(
        f"{key}: there is no model {name!r}.{hint} "
        f"Multi-scenario models: {', '.join(own)}, each also as LLM4MSR_<Name>; besides them "
        "RecBole's own, the context-aware ones also as LLM4MSR_<Name>."
    )


def _classes(file: Path, pattern: re.Pattern[str]) -> list[str]:
    return pattern.findall(file.read_text(encoding="utf-8"))
