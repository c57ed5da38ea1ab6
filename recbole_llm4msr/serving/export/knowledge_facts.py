"""What an artefact's manifest says of the knowledge that its model reads."""

from __future__ import annotations

from typing import Any

from recbole_llm4msr.knowledge.options import KnowledgeOptions
from recbole_llm4msr.model import LLM4MSR

#: Settings that say how the vectors were made: the encoder, the vectors and the prompts.
_SETTINGS = (
    "knowledge",
    "llm",
    "knowledge_mode",
    "knowledge_layer",
    "knowledge_pooling",
    "knowledge_size",
    "knowledge_whiten",
    "knowledge_seed",
    "prompt_template",
    "prompt_language",
    "prompt_form",
    "prompt_max_tokens",
    "prompt_history",
    "prompt_categories",
    "interaction_threshold",
    "knowledge_folds",
    "item_knowledge",
)


def knowledge_facts(config, model: LLM4MSR) -> dict[str, Any]:
    """Fingerprint and widths of the vectors, and the settings that they were made with."""
    options = KnowledgeOptions.from_config(config)
    table = model.knowledge
    return {
        "fingerprint": table.fingerprint,
        "user_width": table.user.shape[1],
        "scenario_width": table.scenario.shape[1],
        "item_width": None if table.item is None else table.item.shape[1],
        "settings": {key: getattr(options, key) for key in _SETTINGS},
    }
