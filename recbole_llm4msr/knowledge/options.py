"""The knowledge options of a run: types, defaults and checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

from recbole_llm4msr.data.history import field_names

CHOICES: dict[str, tuple[str, ...]] = {
    "knowledge": ("lsa", "transformers", "endpoint", "random", "none"),
    "knowledge_mode": ("prefill", "generate"),
    "knowledge_pooling": ("auto", "last", "mean", "eol"),
    "knowledge_dtype": ("auto", "float32", "bfloat16", "float16"),
    "prompt_language": ("en", "zh"),
    "prompt_form": ("auto", "full", "compact"),
}
AT_LEAST: dict[str, int] = {
    "knowledge_size": 1,
    "knowledge_chunk_tokens": 1,
    "prompt_history": 1,
    "prompt_categories": 0,
    "interaction_threshold": 1,
    "knowledge_folds": 1,
    "generate_max_tokens": 1,
    "endpoint_concurrency": 1,
    "endpoint_batch": 1,
    "endpoint_retries": 0,
}


class Settings(Protocol):
    """RecBole's configuration, or a mapping that answers None for a key it lacks."""

    def __getitem__(self, key: str) -> Any: ...


class KnowledgeError(ValueError):
    """An error about knowledge that the user can correct; the message says how."""


@dataclass(frozen=True)
class KnowledgeOptions:
    """Every knowledge key of ``properties/knowledge.yaml``, with its default and its type."""

    knowledge: str = "lsa"
    llm: str | None = None
    knowledge_mode: str = "prefill"
    knowledge_layer: int = -1
    knowledge_pooling: str = "auto"
    knowledge_dtype: str = "auto"
    knowledge_device: str = "auto"
    knowledge_batch_tokens: int | None = None
    knowledge_share_prefix: bool = True
    knowledge_compile: bool = False
    knowledge_seed: int = 2024
    knowledge_size: int = 128
    knowledge_whiten: bool = False
    knowledge_path: str | None = None
    knowledge_build: bool = True
    knowledge_chunk_tokens: int = 131072
    knowledge_keep_prompts: bool = False
    knowledge_min_coverage: float = 0.1
    prompt_template: str = "generic"
    prompt_language: str = "en"
    prompt_form: str = "auto"
    prompt_max_tokens: int | None = None
    prompt_history: int = 8
    prompt_categories: int = 5
    item_text_fields: Sequence[str] | None = None
    item_category_field: str | None = None
    interaction_threshold: int = 1
    knowledge_folds: int = 1
    item_knowledge: bool = False
    generate_max_tokens: int = 64
    generate_temperature: float = 0.0
    endpoint_url: str | None = None
    endpoint_key_variable: str = "OPENAI_API_KEY"
    endpoint_concurrency: int = 8
    endpoint_batch: int = 64
    endpoint_retries: int = 6
    endpoint_timeout: float = 60.0
    knowledge_features: str | None = None

    @classmethod
    def from_config(cls, config: Settings) -> KnowledgeOptions:
        """Read the keys out of ``config``; a key that is None keeps its default.

        An ``llm`` without ``knowledge`` selects the encoder, see :func:`knowledge_of_llm`.

        Raises:
            KnowledgeError: A value is not one of the choices, not of its type, or out of range.
        """
        given = {f.name: config[f.name] for f in fields(cls)}
        if given["knowledge"] is None and given["llm"] is not None:
            given["knowledge"] = knowledge_of_llm(given["endpoint_url"])
        options = cls(**{k: _typed(cls, k, v) for k, v in given.items() if v is not None})
        options._check()
        return options

    def _check(self) -> None:
        for key, choices in CHOICES.items():
            if getattr(self, key) not in choices:
                raise KnowledgeError(
                    f"{key}: {getattr(self, key)!r} is not one of {', '.join(choices)}"
                )
        for key, least in AT_LEAST.items():
            if getattr(self, key) < least:
                raise KnowledgeError(f"{key}: {getattr(self, key)} is below {least}")
        if self.knowledge in ("transformers", "endpoint") and not self.llm:
            raise KnowledgeError(
                f"knowledge: {self.knowledge} needs llm: the folder or hub id of a model, for "
                "example --llm=Qwen/Qwen3-0.6B; without one use --knowledge=lsa"
            )
        if self.knowledge == "endpoint" and not self.endpoint_url:
            raise KnowledgeError(
                "knowledge: endpoint needs endpoint_url, for example "
                "--endpoint_url=http://localhost:8000/v1"
            )


def knowledge_of_llm(endpoint_url: str | None) -> str:
    """Return the ``knowledge`` that ``llm`` selects: ``endpoint`` where there is a URL."""
    return "endpoint" if endpoint_url else "transformers"


def _typed(cls: type[KnowledgeOptions], key: str, value: Any) -> Any:
    """Convert ``value`` to the declared type of its key.

    Raises:
        KnowledgeError: The value does not have that type.
    """
    kind = next(f.type for f in fields(cls) if f.name == key)
    if kind.startswith("Sequence"):
        return field_names(value)
    if kind.startswith("bool"):
        if not isinstance(value, bool):
            raise KnowledgeError(f"{key}: {value!r} is neither True nor False")
        return value
    number = int if kind.startswith("int") else float if kind.startswith("float") else None
    if number is None:
        return str(value)
    try:
        typed = number(value)
    except (TypeError, ValueError):
        typed = None
    if typed is None or isinstance(value, bool) or typed != float(value):
        wanted = "whole number" if number is int else "number"
        raise KnowledgeError(f"{key}: {value!r} is not a {wanted}")
    return typed
