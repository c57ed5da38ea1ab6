"""The registry of backbones: :func:`register_backbone` adds one and its LLM4MSR form."""

from __future__ import annotations

from collections.abc import Callable

from recbole_llm4msr import compat
from recbole_llm4msr.model.base import MultiScenarioRecommender
from recbole_llm4msr.model.llm4msr import enhance

_models: dict[str, type] = {}
_listeners: list[Callable[[type], None]] = []


def register_backbone(
    backbone: type[MultiScenarioRecommender],
) -> type[MultiScenarioRecommender]:
    """Register a backbone as ``--model=<Name>`` and ``--model=LLM4MSR_<Name>``; a decorator.

    RecBole itself finds both from then on. Registering the same class again changes nothing.

    Args:
        backbone: A subclass of :class:`MultiScenarioRecommender` that defines ``score``.

    Returns:
        The class, unchanged.

    Raises:
        TypeError: It is not such a subclass.
        ValueError: Another model has that name.
    """
    if not (isinstance(backbone, type) and issubclass(backbone, MultiScenarioRecommender)):
        raise TypeError(f"{backbone!r} is not a subclass of MultiScenarioRecommender")
    known = _models.get(backbone.__name__)
    if known is not None and known is not backbone:
        raise ValueError(f"{backbone.__name__} is already the name of {known!r}")
    if known is None:
        for model in (backbone, enhance(backbone)):
            add_model(model)
    return backbone


def add_model(model: type) -> None:
    """Add one model class under its name, without its LLM4MSR form, and call the listeners."""
    compat.add_model_to_recbole(model)
    _models[model.__name__] = model
    for listener in _listeners:
        listener(model)


def on_register(listener: Callable[[type], None]) -> None:
    """Call ``listener`` with every model class registered so far and with every later one."""
    _listeners.append(listener)
    for model in _models.values():
        listener(model)


def models_so_far() -> dict[str, type]:
    """The models registered so far, by name, each backbone followed by its LLM4MSR form."""
    return dict(_models)
