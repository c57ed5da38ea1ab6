"""An encoder that counts what it encodes, and builds with it."""

import numpy as np

from recbole_llm4msr.knowledge.build import build_vectors
from recbole_llm4msr.knowledge.encoders.random import NoiseEncoder
from recbole_llm4msr.knowledge.store.store import KnowledgeStore

PROMPTS = [f"prompt {n} " + "word " * (n % 17) for n in range(200)]


class Counting(NoiseEncoder):
    """Counts what it encodes, and can be made to die."""

    def __init__(self, size=8, seed=0, die_after=None):
        super().__init__(size, seed)
        self.encoded, self.die_after = [], die_after

    def count_tokens(self, texts):
        return np.array([len(t.split()) for t in texts], dtype=np.int64)

    def encode(self, tokenised, advance):
        if self.die_after is not None and len(self.encoded) >= self.die_after:
            raise KeyboardInterrupt
        self.encoded += tokenised
        return super().encode(tokenised, advance)


def shelf_of(folder, encoder):
    return KnowledgeStore(folder).shelf(encoder.vector_identity())


def build(folder, encoder, prompts=PROMPTS, **keys):
    shelf = shelf_of(folder, encoder)
    keys = {"chunk_tokens": 100, "show_progress": False, **keys}
    return shelf, build_vectors(encoder, prompts, shelf, **keys)


def files(folder):
    return {p.name: p.read_bytes() for p in folder.rglob("*.safetensors")}
