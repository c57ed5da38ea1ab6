"""Knowledge: what a frozen language model says about users, scenarios and items.

Prompts are written from training rows alone, an encoder turns them into vectors once, a store
keeps the vectors by content, and :func:`prepare_knowledge` hands a model the compressed vectors
in the order of its ids. Nothing here knows a model, and ``transformers`` is imported only when a
pre-trained model is asked for.
"""

from recbole_llm4msr.knowledge.options import KnowledgeError, KnowledgeOptions
from recbole_llm4msr.knowledge.prepare import prepare_knowledge
from recbole_llm4msr.knowledge.vectors.prepared_vectors import Knowledge

__all__ = ["Knowledge", "KnowledgeError", "KnowledgeOptions", "prepare_knowledge"]
