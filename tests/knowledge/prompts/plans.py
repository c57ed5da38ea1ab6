"""Prompt plans of an encoder without a limit."""

import numpy as np
import polars as pl

from recbole_llm4msr.knowledge import KnowledgeOptions
from recbole_llm4msr.knowledge.encoders.random import NoiseEncoder
from recbole_llm4msr.knowledge.prompts.writer import PromptWriter
from tests.knowledge.conftest import Settings


class WordEncoder(NoiseEncoder):
    """An encoder without a limit to speak of, to look at prompts only."""

    max_tokens = 100_000

    def count_tokens(self, texts):
        return np.array([len(t.split()) for t in texts], dtype=np.int64)


def plan(history, **keys):
    options = KnowledgeOptions.from_config(Settings({"item_text_fields": ["title"], **keys}))
    return PromptWriter(history, options, WordEncoder(4, 0)).plan()


def prompts_of(found, fold=-1):
    rows = found.users.filter(pl.col("fold") == fold)
    return dict(rows.select("user", "prompt").iter_rows())
