"""All models by name: our backbones, those of installed packages, and RecBole's models.

Importing :mod:`recbole_llm4msr.model.backbone`, which happens here, registers our backbones.
"""

from __future__ import annotations

import difflib
import pkgutil
from functools import cache
from importlib.metadata import EntryPoint, entry_points

import recbole.utils
from recbole.model import context_aware_recommender

from recbole_llm4msr.model.backbone.context_adapter import UNFIT, adapt
from recbole_llm4msr.model.base import MultiScenarioRecommender
from recbole_llm4msr.model.llm4msr import LLM4MSR, enhance
from recbole_llm4msr.model.registry import add_model, models_so_far, register_backbone

#: Packages announce their backbones in this entry-point group; an entry is the class.
ENTRY_POINTS = "recbole_llm4msr.backbones"

_failures: dict[str, Exception] = {}  # announced backbones that could not be loaded


@cache
def _add_recboles_models() -> None:
    """Adapt RecBole's context-aware models to backbones and add their LLM4MSR forms."""
    for name in _class_names_of_recbole():
        if name not in UNFIT:
            add_model(enhance(adapt(getattr(context_aware_recommender, name))))


@cache
def _announced() -> dict[str, EntryPoint]:
    """Backbones that installed packages announce, by name, without those loaded already."""
    return {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}


def _load_announced() -> None:
    """Register the backbones of other packages.

    One that cannot be imported is tried again at the next call, as its import may be what led to
    this call. Its error is raised when that model is asked for, and does not affect the others.
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
    """All registered models by name, each backbone followed by its LLM4MSR form.

    Of RecBole's context-aware models only the LLM4MSR forms are included.
    """
    _add_recboles_models()
    _load_announced()
    return models_so_far()


def get_model(name: str) -> type:
    """Find the class of a model by name: a registered one, else RecBole's.

    Raises:
        ValueError: There is no such model (the message names the nearest ones), or it belongs to
            an installed package and cannot be loaded.
    """
    models = registered_models()
    if name in models:
        return models[name]
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
        # AttributeError: the file exists, but the name differs in upper and lower case (deepfm).
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
    """The backbone class of a multi-scenario model, ``None`` for one of RecBole's models."""
    if issubclass(model, LLM4MSR):
        return model.backbone_class
    return model if issubclass(model, MultiScenarioRecommender) else None
