"""LSA: independent of order, identified by its corpus."""

import numpy as np
import pytest

from recbole_llm4msr.knowledge import KnowledgeError
from recbole_llm4msr.knowledge.encoders.lsa import LsaEncoder
from recbole_llm4msr.knowledge.vectors.compress import unit

PROMPTS = ["red rose garden", "rose garden soil", "steel knife", "knife block steel", "rose knife"]


def encode(encoder, prompts):
    return encoder.encode(prompts, lambda *_: None).vectors


def test_lsa_is_the_same_for_any_order_of_users_and_batches():
    one, two = LsaEncoder(3, 0), LsaEncoder(3, 0)
    one.prepare(PROMPTS)
    two.prepare(PROMPTS[::-1] * 2)
    np.testing.assert_array_equal(encode(one, PROMPTS), encode(two, PROMPTS))
    assert one.vector_identity() == two.vector_identity()
    single = np.concatenate([encode(one, [p]) for p in PROMPTS])
    np.testing.assert_allclose(single, encode(one, PROMPTS), atol=1e-6)


def test_the_lsa_identity_depends_on_the_corpus():
    one, two = LsaEncoder(3, 0), LsaEncoder(3, 0)
    one.prepare(PROMPTS)
    two.prepare(PROMPTS[:4])
    assert one.vector_identity() != two.vector_identity()
    assert one.identity() == two.identity()


def test_lsa_reads_chinese_and_needs_words():
    encoder = LsaEncoder(2, 0)
    encoder.prepare(["美食 视频", "音乐 视频", "美食"])
    food, music = unit(encode(encoder, ["美食", "音乐"]))
    assert food @ unit(encode(encoder, ["美食 美食"]))[0] > 0.99 > food @ music
    with pytest.raises(KnowledgeError, match="item_text_fields"):
        LsaEncoder(2, 0).prepare(["- .", "; ."])
    with pytest.raises(RuntimeError, match="prepare"):
        LsaEncoder(2, 0).encode(["a"], lambda *_: None)
