"""The request of a run: the values that determine its vectors, and their fingerprint."""

from __future__ import annotations

from typing import Any

from recbole_llm4msr.data.history import TrainingHistory
from recbole_llm4msr.knowledge.encoders.base import Encoder
from recbole_llm4msr.knowledge.options import KnowledgeError, KnowledgeOptions
from recbole_llm4msr.knowledge.prompts.writer import load_template
from recbole_llm4msr.knowledge.store.prepared import manifests_in
from recbole_llm4msr.knowledge.store.store import KnowledgeStore
from recbole_llm4msr.util.fingerprint import fingerprint

#: Raised when the same request gives other prompts or vectors than before.
_FORMAT = 3

#: Options that determine the vectors, besides the encoder's own identity.
OPTIONS_IN_REQUEST = (
    "knowledge",
    "knowledge_seed",
    "knowledge_size",
    "knowledge_whiten",
    "prompt_history",
    "prompt_categories",
    "item_text_fields",
    "item_category_field",
    "interaction_threshold",
    "knowledge_folds",
    "item_knowledge",
)


def request_of(
    history: TrainingHistory, options: KnowledgeOptions, encoder: Encoder
) -> dict[str, Any]:
    """Collect everything that determines the vectors of a run, as plain values.

    Raises:
        KnowledgeError: The prompt template does not exist or is not valid.
    """
    template = load_template(options, encoder, history.dataset)
    request = {
        "format": _FORMAT,
        "data": history.fingerprint,
        "template": template.fingerprint,
        "form": template.form,
        "encoder": encoder.identity(),
        "max_tokens": encoder.max_tokens,  # the length that histories are cut to
        "eol": options.knowledge_pooling == "eol",  # the ending of a prompt
        **{key: getattr(options, key) for key in OPTIONS_IN_REQUEST},
    }
    if options.item_knowledge:  # items' vectors are stored in the order of all items' ids
        request["item_order"] = fingerprint({"items": history.item_tokens})
    return request


def refuse_to_build(store: KnowledgeStore, request: dict[str, Any]) -> None:
    """Say in which values the request differs from the nearest prepared knowledge of a store.

    Raises:
        KnowledgeError: Always.
    """
    manifests = [content for _, content in manifests_in(store) if content is not None]
    if not manifests:
        raise KnowledgeError(
            f"knowledge_build is False and the store {store.folder} holds no prepared "
            "knowledge; build it first or leave knowledge_build at True"
        )
    differing_keys = [
        [key for key in request if _plain(m["request"].get(key)) != _plain(request[key])]
        for m in manifests
    ]
    nearest = min(range(len(manifests)), key=lambda number: len(differing_keys[number]))
    differences = "; ".join(
        f"{key}: {_plain(manifests[nearest]['request'].get(key))} there, "
        f"{_plain(request[key])} here"
        for key in differing_keys[nearest]
    )
    raise KnowledgeError(
        f"the store {store.folder} was not made for this run and knowledge_build is "
        f"False. The nearest of its {len(manifests)} entries, of data set "
        f"{manifests[nearest]['dataset']}, differs in {differences}"
    )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
