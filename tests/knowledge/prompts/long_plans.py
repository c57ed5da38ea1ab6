"""Prompt plans of long histories."""

from recbole_llm4msr.knowledge import KnowledgeOptions
from recbole_llm4msr.knowledge.encoders.huggingface.encoder import PretrainedEncoder
from recbole_llm4msr.knowledge.prompts.writer import PromptWriter
from tests.knowledge.conftest import Settings


def written(history, encoder, **keys):
    fields = {"item_text_fields": ["title"], "item_category_field": "kind", "item_knowledge": True}
    options = KnowledgeOptions.from_config(Settings({**fields, **keys}))
    return PromptWriter(history, options, encoder).plan()


def pretrained(llm, **keys):
    return PretrainedEncoder(KnowledgeOptions(knowledge="transformers", llm=llm, **keys))


def users_of(found):
    return dict(found.full.select("user", "prompt").iter_rows())
