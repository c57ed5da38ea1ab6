"""Encode with a pre-trained model and compare vectors."""

import numpy as np
import pytest

from recbole_llm4msr.knowledge import KnowledgeOptions
from recbole_llm4msr.knowledge.encoders.huggingface.encoder import PretrainedEncoder

CLOSE = {"float32": 1e-5, "bfloat16": 1e-4}


def encoder_of(llm, **keys):
    return PretrainedEncoder(KnowledgeOptions(knowledge="transformers", llm=llm, **keys))


def encode(encoder, prompts):
    return encoder.encode(encoder.tokenise(prompts), lambda *_: None).vectors


def distance(a, b):
    """One minus the cosine, row by row."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    return 1 - (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


POOLINGS = pytest.mark.parametrize("pooling", ["last", "mean"])
