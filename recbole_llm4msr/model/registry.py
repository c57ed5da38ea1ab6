"""Which models there are: registered backbones, their LLM4MSR twins, and RecBole's own."""

from __future__ import annotations

import difflib
import pkgutil
from collections.abc import Callable
from functools import cache
from importlib.metadata import EntryPoint, entry_points

import recbole.utils
from recbole.model import context_aware_recommender

from recbole_llm4msr import compat
from recbole_llm4msr.model.base import MultiScenarioRecommender
from recbole_llm4msr.model.llm4msr import LLM4MSR, enhance

#: Packages announce backbones of their own in this entry-point group; the entry is the class.
ENTRY_POINTS = "recbole_llm4msr.backbones"

_models: dict[str, type] = {}
_listeners: list[Callable[[type], None]] = []
_failures: dict[str, Exception] = {}  # announced backbones that could not be loaded


def register_backbone(
    backbone: type[MultiScenarioRecommender],
) -> type[MultiScenarioRecommender]:
    """Make a backbone known as ``--model=<Name>`` and ``--model=LLM4MSR_<Name>`` (a decorator).

    From then on RecBole itself knows both too. Registering the same class again changes nothing.

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
            _add(model)
    return backbone


def _add(model: type) -> None:
    compat.add_model_to_recbole(model)
    _models[model.__name__] = model
    for listener in _listeners:
        listener(model)


def on_register(listener: Callable[[type], None]) -> None:
    """Call ``listener`` with every registered model class, those so far and those to come."""
    _listeners.append(listener)
    for model in _models.values():
        listener(model)


@cache
def _load_own() -> None:
    """Import our backbones and adapt RecBole's context-aware models."""
    import recbole_llm4msr.model.backbone  # they import this module

    adapter = recbole_llm4msr.model.backbone.context_adapter
    for name in _class_names_of_recbole():
        if name not in adapter.UNFIT:
            # RecBole's model stays RecBole's: only its twin is ours.
            _add(enhance(adapter.adapt(getattr(context_aware_recommender, name))))


@cache
def _announced() -> dict[str, EntryPoint]:
    """Backbones that installed packages announce, by name, less those loaded already."""
    return {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}


def _load_announced() -> None:
    """Register the backbones of other packages.

    One that cannot be imported is tried again the next time: it may be its own import that has
    led here. What is wrong with it is said when it is asked for, and stops nobody else.
    """
    for name, entry in list(_announced().items()):
        try:
            register_backbone(entry.load())
        except Exception as error:
            _failures[name] = error
        else:
            _announced().pop(name, None)
            _failures.pop(name, None)


def registered_models() -> dict[str, type]:
    """All registered models by name, each backbone followed by its LLM4MSR twin.

    RecBole's context-aware models are there as twins only.
    """
    _load_own()
    _load_announced()
    return dict(_models)


def get_model(name: str) -> type:
    """The class of a model: a registered one, else RecBole's own.

    Raises:
        ValueError: There is no such model (the message names the nearest ones), or it is one of an
            installed package that cannot be loaded.
    """
    models = registered_models()
    if name in models:
        return models[name]
    from recbole_llm4msr.model.backbone.context_adapter import UNFIT  # imports this module

    plain = name.removeprefix("LLM4MSR_")
    if plain in _failures:
        raise ValueError(
            f"model: {plain} is announced by an installed package as {_announced()[plain].value}, "
            f"which cannot be loaded: {_failures[plain]}"
        ) from _failures[plain]
    if plain != name and plain in UNFIT:
        raise ValueError(f"model: there is no {name}: {plain} cannot be a backbone, {UNFIT[plain]}")
    try:
        return recbole.utils.get_model(name)
    except (ValueError, AttributeError, ImportError):
        # AttributeError: the file exists, but the name is written in other letters (deepfm).
        # ImportError: RecBole looks among its tree models last, which need lightgbm and xgboost.
        if name in ("LightGBM", "XGBoost"):
            raise
    known = [*models, *(_class_names_of_recbole())]
    folded = {other.lower(): other for other in known}
    near = difflib.get_close_matches(name.lower(), folded, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(folded[n] for n in near)}?" if near else ""
    raise ValueError(
        f"model: there is no model {name!r}.{hint} "
        f"Multi-scenario models: {', '.join(m for m in models if not m.startswith('LLM4MSR_'))}, "
        "each also as LLM4MSR_<Name>; besides them RecBole's own, the context-aware ones also as "
        "LLM4MSR_<Name>."
    )


@cache
def _class_names_of_recbole() -> list[str]:
    """Names of RecBole's context-aware models, for suggestions."""
    names = []
    for module in pkgutil.iter_modules(context_aware_recommender.__path__):
        for name, value in vars(context_aware_recommender).items():
            if name.lower() == module.name and isinstance(value, type):
                names.append(name)
    return names


def backbone_of(model: type) -> type[MultiScenarioRecommender] | None:
    """The backbone class of a multi-scenario model, ``None`` for a model of RecBole's own."""
    if issubclass(model, LLM4MSR):
        return model.backbone_class
    return model if issubclass(model, MultiScenarioRecommender) else None
