"""Schema of this package's configuration: type, choices and meaning of every key."""

from recbole_llm4msr.config.schema.backbones import BACKBONES
from recbole_llm4msr.config.schema.knowledge import KNOWLEDGE
from recbole_llm4msr.config.schema.llm4msr import LLM4MSR
from recbole_llm4msr.config.schema.option import Option
from recbole_llm4msr.config.schema.run import RUN

#: Every option of this package.
SCHEMA: dict[str, Option] = {**RUN, **KNOWLEDGE, **LLM4MSR, **BACKBONES}

__all__ = ["SCHEMA", "Option"]
