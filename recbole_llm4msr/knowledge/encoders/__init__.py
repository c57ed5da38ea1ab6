"""Encoders: turn prompts into vectors, behind one protocol."""

from recbole_llm4msr.knowledge.encoders.base import Encoded, Encoder, ReportProgress
from recbole_llm4msr.knowledge.encoders.choice import make_encoder

__all__ = ["Encoded", "Encoder", "ReportProgress", "make_encoder"]
