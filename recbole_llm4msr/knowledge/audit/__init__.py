"""Audit: leaks of labels, coinciding vectors and cut prompts on a data set of the user."""

from recbole_llm4msr.knowledge.audit.audit import audit_knowledge
from recbole_llm4msr.knowledge.audit.findings import LEAK, NOTE, OK, Audit, Finding

__all__ = ["LEAK", "NOTE", "OK", "Audit", "Finding", "audit_knowledge"]
