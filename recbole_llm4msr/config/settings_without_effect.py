"""Refuse, or warn of, settings of knowledge that have no effect in a run."""

from __future__ import annotations

from dataclasses import fields
from logging import getLogger
from typing import Any

from recbole_llm4msr.config.checks import ConfigError
from recbole_llm4msr.knowledge.options import KnowledgeOptions, knowledge_of_llm
from recbole_llm4msr.model import LLM4MSR, backbone_of

#: Values of a setting by its name, any of which will do; no values stand for any but ``None``.
Need = dict[str, tuple]

_MODEL: Need = {"knowledge": ("transformers",)}
_ENDPOINT: Need = {"knowledge": ("endpoint",)}
_EITHER: Need = {"knowledge": ("transformers", "endpoint")}
_PROMPTS: Need = {"knowledge": ("lsa", "transformers", "endpoint")}
_PREFILL: Need = {"knowledge_mode": ("prefill",)}
_GENERATE: Need = {"knowledge_mode": ("generate",)}
_USER_LEVEL: Need = {"use_user_meta": (True,)}
_SCENARIO_LEVEL: Need = {"use_scenario_meta": (True,)}
_ITEM_LEVEL: Need = {"use_item_meta": (True,)}
_ITEM_KNOWLEDGE: Need = {"item_knowledge": (True,)}
_USER_VECTORS: Need = {**_USER_LEVEL, **_ITEM_KNOWLEDGE, "knowledge_features": ()}


def _rows(keys: str, *needs: Need) -> dict[str, tuple[Need, ...]]:
    return dict.fromkeys(keys.split(), needs)


#: The settings that every option of knowledge and of a meta level needs to take effect. All need a
#: model that reads knowledge, too.
NEEDS: dict[str, tuple[Need, ...]] = {
    **_rows("knowledge knowledge_seed knowledge_size knowledge_whiten knowledge_features"),
    **_rows("knowledge_path knowledge_build knowledge_chunk_tokens knowledge_keep_prompts"),
    **_rows("knowledge_min_coverage interaction_threshold"),
    **_rows("llm prompt_max_tokens", _EITHER),
    **_rows("knowledge_mode knowledge_dtype knowledge_device knowledge_batch_tokens", _MODEL),
    **_rows("knowledge_share_prefix knowledge_compile", _MODEL),
    **_rows("knowledge_layer knowledge_pooling", _MODEL, _PREFILL),
    **_rows("generate_max_tokens generate_temperature", _MODEL, _GENERATE),
    **_rows("endpoint_url endpoint_key_variable endpoint_concurrency endpoint_batch", _ENDPOINT),
    **_rows("endpoint_retries endpoint_timeout", _ENDPOINT),
    **_rows("prompt_template prompt_language prompt_form prompt_history", _PROMPTS),
    **_rows("prompt_categories item_text_fields item_category_field", _PROMPTS),
    **_rows("knowledge_folds", _PROMPTS, _USER_VECTORS),
    **_rows("item_knowledge", _ITEM_LEVEL),
    **_rows("user_meta_layers meta_rank", _USER_LEVEL),
    **_rows("meta_plan", {**_USER_LEVEL, **_ITEM_KNOWLEDGE}),
    **_rows("meta_code_size", {**_USER_LEVEL, **_SCENARIO_LEVEL}),
    **_rows("scenario_meta_layers scenario_meta_hidden_size", _SCENARIO_LEVEL),
    **_rows("item_meta_rank item_meta_code_size", _ITEM_LEVEL, _ITEM_KNOWLEDGE),
}

#: Values of the control runs of a comparison, which share the settings of the other runs.
CONTROLS: Need = {
    "knowledge": ("random", "none"),
    "use_user_meta": (False,),
    "use_scenario_meta": (False,),
}

_DEFAULTS = {field.name: field.default for field in fields(KnowledgeOptions)}


def settle_knowledge(config: Any, final: dict[str, Any]) -> None:
    """Set ``knowledge`` from ``llm``, unless a place as strong as that of ``llm`` sets it.

    A weaker place that names a kind of knowledge with a language model keeps its kind.

    Args:
        config: The configuration that is being read, which knows where a setting was written.
        final: Its values; ``knowledge`` is changed.
    """
    if final.get("llm") is None or config.strength_of("llm") <= config.strength_of("knowledge"):
        return
    reads_llm = final.get("knowledge") in _EITHER["knowledge"]
    if not (reads_llm and config.place_of("knowledge")):
        final["knowledge"] = knowledge_of_llm(final.get("endpoint_url"))
        config.written_as("knowledge", "llm")


def check_effects(config: Any) -> None:
    """Refuse, or warn of, settings that were written and cannot take effect.

    A setting is refused where the user wrote it for this run (command line, ``config_dict``), or
    where ``llm`` stands beside a ``knowledge`` without a language model. It is warned of where runs
    share settings: those of files, of the levels' own options, and of runs that are the controls
    of others. Nothing is said of a setting that a stronger place overrides.

    Args:
        config: A complete :class:`~recbole_llm4msr.config.Config`.

    Raises:
        ConfigError: A setting cannot take effect; the message names what it needs.
    """
    kind = _value(config, "knowledge")
    if kind == "none" or not config.uses_knowledge:
        _report_unused(config, kind)
        return
    refused = []
    for key in NEEDS:
        deciding, need = _unmet(config, key)
        if deciding is None or config.strength_of(key) < config.strength_of(deciding):
            continue
        text = _sentence(config, key, deciding, need)
        shared = key not in _DEFAULTS or _value(config, deciding) in CONTROLS.get(deciding, ())
        if shared or not (key == "llm" or _for_this_run(config, key)):
            getLogger().warning(text)
        else:
            refused.append(text)
    if refused:
        raise ConfigError("\n".join(refused))


def _report_unused(config: Any, kind: str) -> None:
    """Log one line on the settings of knowledge that were written for a run without it."""
    of_levels = issubclass(config.model_class, LLM4MSR)
    written = [
        key
        for key in NEEDS
        if _is_written(config, key)
        and (of_levels or key in _DEFAULTS)
        and (key, _value(config, key)) != ("knowledge", "none")
    ]
    if not written:
        return
    if kind == "none" and config.uses_knowledge:
        why = "knowledge is none"
    elif of_levels:
        why = f"{config.model} reads no knowledge with its levels switched off"
    else:
        twin = f" (LLM4MSR_{config.model} does)" if backbone_of(config.model_class) else ""
        why = f"{config.model} reads no knowledge{twin}"
    mine = [key for key in written if _for_this_run(config, key)]
    for keys, say in ((mine, getLogger().warning), (written, getLogger().info)):
        if keys:
            say("without effect: %s; %s", ", ".join(f"{k}: {_value(config, k)}" for k in keys), why)
            return


def _unmet(config: Any, key: str) -> tuple[str | None, Need]:
    """Find the first need of a written setting that is not met, and the setting that decides it."""
    if _is_written(config, key):
        for need in NEEDS[key]:
            if not any(_holds(_value(config, other), values) for other, values in need.items()):
                return max(need, key=config.strength_of), need
    return None, {}


def _holds(value: Any, values: tuple) -> bool:
    return value in values if values else value is not None


def _is_written(config: Any, key: str) -> bool:
    """Whether the user set this key to another value than its default in ``_DEFAULTS``, if any."""
    value = config[key]
    if config.place_of(key) is None or value is None:
        return False
    return key not in _DEFAULTS or value != _DEFAULTS[key]


def _for_this_run(config: Any, key: str) -> bool:
    return config.place_of(key) in ("command line", "config_dict")


def _value(config: Any, key: str) -> Any:
    value = config[key]
    return _DEFAULTS.get(key) if value is None else value


def _sentence(config: Any, key: str, deciding: str, need: Need) -> str:
    """The message: the setting without effect, what it needs, and the remedy."""
    wanted = " or ".join(
        f"{other}: {' or '.join(map(str, values))}" if values else other
        for other, values in need.items()
    )
    value, place = _value(config, deciding), config.place_of(deciding)
    found = f"{deciding} is {value}" + (f" ({place})" if place else "")
    other, values = next(iter(need.items()))
    remedy = f"Set {other} to {values[0]}, or leave {key} out."
    if value is None:  # an option of LLM4MSR, in a run that reads knowledge without it
        found, remedy = f"{config.model} has no {deciding}", f"Leave {key} out."
    return (
        f"{key}: {_value(config, key)} ({config.place_of(key)}) has no effect: it needs {wanted}, "
        f"and {found}. {remedy}"
    )
