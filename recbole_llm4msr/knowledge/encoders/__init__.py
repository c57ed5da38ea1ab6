"""Encoders of prompts, each a file, behind one protocol."""

from recbole_llm4msr.knowledge.encoders.base import Advance, Encoded, Encoder
from recbole_llm4msr.knowledge.encoders.choice import make_encoder

__all__ = ["Advance", "Encoded", "Encoder", "make_encoder"]
