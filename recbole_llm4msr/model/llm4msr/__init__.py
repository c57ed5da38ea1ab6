"""LLM4MSR: meta networks around a backbone."""

from recbole_llm4msr.model.llm4msr.knowledge_table import KnowledgeTable
from recbole_llm4msr.model.llm4msr.model import (
    KNOWLEDGE_INDEX,
    LLM4MSR,
    enhance,
    reads_knowledge,
)

__all__ = ["KNOWLEDGE_INDEX", "LLM4MSR", "KnowledgeTable", "enhance", "reads_knowledge"]
