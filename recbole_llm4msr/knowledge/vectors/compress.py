"""Compress hidden states to the small vectors that meta networks read: PCA."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA


def unit(vectors: np.ndarray) -> np.ndarray:
    """Scale every row of (n, d) to length one; a row of zeros stays as it is."""
    vectors = np.asarray(vectors, dtype=np.float32)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(norms > 0, norms, 1)


@dataclass(frozen=True)
class Compressor:
    """Normalise vectors, centre them, project them on principal components, scale them.

    The scale makes the mean square of the fitted entries one, so that inputs of a meta network have
    the same size for every encoder; with whitening every component has unit variance.

    Attributes:
        components: (k, d) orthonormal rows, or divided by their standard deviation if whitened.
        mean: (d,) centre of the normalised vectors it was fitted on.
        scale: One number for all components.
        explained: Share of the variance that the components keep.
    """

    components: np.ndarray
    mean: np.ndarray
    scale: float
    explained: float

    @classmethod
    def fit(
        cls, kinds: Sequence[np.ndarray], size: int, *, whiten: bool = False, seed: int = 0
    ) -> Compressor:
        """Fit one rotation on vectors of one or more kinds, each kind centred by itself.

        Args:
            kinds: Arrays (n_i, d); centre and scale are those of the first.
            size: Most components; fewer where the vectors have fewer directions, at least one.
            whiten: Give every component unit variance.
            seed: Seed of the randomised decomposition.
        """
        normal = [unit(vectors) for vectors in kinds]
        centred = np.concatenate([n - _mean(n) for n in normal])
        n, d = centred.shape
        size = max(1, min(size, n - len(kinds), d))
        if not centred.any():
            return cls(np.eye(size, d, dtype=np.float32), _mean(normal[0]), 1.0, 1.0)
        pca = PCA(size, random_state=seed).fit(centred)
        components = pca.components_.astype(np.float32)
        if whiten:
            deviation = np.sqrt(pca.explained_variance_)
            # A direction without variance stays at zero.
            deviation[deviation < 1e-6 * deviation.max()] = np.inf
            components = (components / deviation[:, None]).astype(np.float32)
        explained = float(pca.explained_variance_ratio_.sum())
        return cls(components, _mean(normal[0]), 1.0, explained).around(kinds[0])

    @property
    def size(self) -> int:
        """Width of compressed vectors."""
        return self.components.shape[0]

    def transform(self, vectors: np.ndarray) -> np.ndarray:
        """Compress (n, d) vectors to (n, k) float32."""
        return ((unit(vectors) - self.mean) @ self.components.T) * np.float32(self.scale)

    def around(self, vectors: np.ndarray) -> Compressor:
        """Return the same rotation with centre and scale of (n, d) vectors of another kind.

        Users and items share one space, in which their vectors can be compared, although texts
        about users and about items lie in different parts of it.
        """
        normal = unit(vectors)
        mean = _mean(normal)
        projected = (normal - mean) @ self.components.T
        spread = float(np.sqrt(np.mean(np.square(projected), dtype=np.float64)))
        scale = 1.0 / spread if spread > 0 else 1.0
        return Compressor(self.components, mean, scale, self.explained)


def _mean(vectors: np.ndarray) -> np.ndarray:
    return vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
