"""Compression to principal components."""

import numpy as np
import pytest

from recbole_llm4msr.knowledge.vectors.compress import Compressor


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


def test_compression_ignores_vector_length_and_whitening_gives_unit_variance():
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
