"""Make the encoder that the option ``knowledge`` names."""

from __future__ import annotations

from recbole_llm4msr.knowledge.encoders.base import Encoder
from recbole_llm4msr.knowledge.options import KnowledgeOptions


def make_encoder(options: KnowledgeOptions) -> Encoder:
    """Return the encoder that ``knowledge`` names; its libraries are imported only then.

    Raises:
        KnowledgeError: Model or options do not fit the encoder.
        ValueError: ``knowledge`` names no encoder.
    """
    if options.knowledge == "lsa":
        from recbole_llm4msr.knowledge.encoders.lsa import LsaEncoder

        # At least 128 directions, so that compression has more to choose from than it keeps.
        return LsaEncoder(max(options.knowledge_size, 128), options.knowledge_seed)
    if options.knowledge == "random":
        from recbole_llm4msr.knowledge.encoders.random import NoiseEncoder

        return NoiseEncoder(options.knowledge_size, options.knowledge_seed)
    if options.knowledge == "transformers":
        from recbole_llm4msr.knowledge.encoders.huggingface.encoder import PretrainedEncoder

        return PretrainedEncoder(options)
    if options.knowledge == "endpoint":
        from recbole_llm4msr.knowledge.encoders.endpoint import EndpointEncoder

        return EndpointEncoder(options)
    raise ValueError(f"no encoder for knowledge: {options.knowledge}")
