import numpy as np
import pytest

from recbole_llm4msr.knowledge import KnowledgeError
from recbole_llm4msr.knowledge.encoders.lsa import LsaEncoder
from recbole_llm4msr.knowledge.vectors.compress import Compressor, unit

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


def test_lsa_knows_what_it_was_fitted_on():
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


def test_compression_keeps_the_leading_directions():
    random = np.random.default_rng(0)
    codes = random.normal(size=(500, 3))
    vectors = codes @ random.normal(size=(3, 64)) + 5
    compressor = Compressor.fit([vectors], 8)
    small = compressor.transform(vectors)
    assert small.shape == (500, 8)
    # Three directions and the curve that normalising bends them into hold everything.
    assert compressor.explained > 0.999
    assert abs(np.square(small).mean() - 1) < 1e-3
    assert np.abs(small.mean(axis=0)).max() < 1e-3


def test_length_does_not_matter_and_whitening_evens_out():
    random = np.random.default_rng(1)
    vectors = random.normal(size=(300, 16)) * np.linspace(0.1, 3, 16)
    compressor = Compressor.fit([vectors], 8, whiten=True)
    np.testing.assert_allclose(
        compressor.transform(vectors), compressor.transform(vectors * 7), atol=1e-4
    )
    np.testing.assert_allclose(compressor.transform(vectors).std(axis=0), 1, atol=0.01)


def test_another_kind_shares_the_rotation_around_its_own_centre():
    random = np.random.default_rng(2)
    users, items = random.normal(size=(200, 16)), random.normal(size=(150, 16)) + 1
    both = Compressor.fit([users, items], 4)
    of_items = both.around(items)
    assert (of_items.components == both.components).all()
    assert np.abs(of_items.transform(items).mean(axis=0)).max() < 1e-3
    assert np.abs(both.transform(users).mean(axis=0)).max() < 1e-3


@pytest.mark.parametrize("vectors", [np.ones((1, 5)), np.ones((4, 5)), np.zeros((3, 5))])
def test_vectors_without_variance_give_zeros(vectors):
    assert np.abs(Compressor.fit([vectors], 3).transform(vectors)).max() < 1e-5
