"""Scenario vectors: scale up the differences of scenarios and keep all angles between them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recbole_llm4msr.knowledge.options import KnowledgeError
from recbole_llm4msr.knowledge.vectors.compress import unit

#: Unit vectors that differ by less in every component differ by rounding only.
_ROUNDING = 2e-4


def scenario_vectors(vectors: np.ndarray, size: int, seed: int) -> np.ndarray:
    r"""Scale up what distinguishes the scenarios, and rotate it to ``size`` numbers without loss.

    With :math:`v_s` scaled to length one, :math:`\mu` their mean and
    :math:`\delta_s = v_s - \mu`, a scenario's vector is

    .. math:: k_s = c\,R\,\Big(\mu + \delta_s \Big/ \sqrt{\tfrac1S \sum_t |\delta_t|^2}\Big)

    where the rotation :math:`R` keeps all angles between scenarios and :math:`c` makes the mean
    square of the numbers one. Hidden states of two prompts that differ in a line have cosines of
    .98 and more, so differences get the length of one; the mean keeps its length
    :math:`|\mu|`, whose square is their mean cosine. So the scenario correlation of LLM4MSR, the
    matrix of cosines, can be computed from the vectors, for any number of scenarios.

    Args:
        vectors: Hidden states of the scenarios' prompts, shape ``(S, d)``.
        size: Width of a vector; at least the number of scenarios is taken.
        seed: Seed of the rotation.

    Returns:
        float32 of shape ``(S, max(size, S))``. Equal hidden states stay equal.
    """
    normal = unit(vectors).astype(np.float64)
    mean = normal.mean(axis=0)
    different = normal - mean
    if np.abs(different).max(initial=0.0) < _ROUNDING:  # rounding must not be scaled up
        different[:] = 0.0
    length = np.sqrt(np.square(different).sum(axis=1).mean())
    rotated = _rotated(mean + different / (length or 1.0), max(size, len(normal)), seed)
    scale = np.sqrt(np.square(rotated).mean())
    return (rotated / (scale or 1.0)).astype(np.float32)


def _rotated(vectors: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Rotate (S, d) vectors to (S, size) and keep all their inner products; S is at most ``size``.

    The orthogonal map nearest to a random projection (its polar factor on the span of the vectors):
    where a text moves a vector, it moves the rotated one as well.
    """
    left, sizes, right = np.linalg.svd(vectors, full_matrices=False)
    spanned = sizes > 1e-9 * sizes.max(initial=0.0)
    projection = np.random.default_rng(seed).normal(size=(vectors.shape[1], size))
    one, _, other = np.linalg.svd(right[spanned] @ projection, full_matrices=False)
    return (left[:, spanned] * sizes[spanned]) @ (one @ other)


def check_distinct(
    vectors: np.ndarray, prompts: Sequence[str], names: Sequence[str], dataset: str
) -> None:
    """Check that scenarios with different prompts have different vectors.

    Args:
        vectors: Hidden states of the scenarios' prompts, shape ``(S, d)``.
        prompts: The prompts, S of them.
        names: Names of the scenarios for the message.
        dataset: Name of the data set for the message.

    Raises:
        KnowledgeError: Two scenarios have different prompts and the same vector.
    """
    normal = unit(vectors)
    for one in range(len(normal)):
        apart = np.abs(normal[one + 1 :] - normal[one]).max(axis=1, initial=0.0)
        for other in np.flatnonzero(apart < _ROUNDING) + one + 1:
            if prompts[one] != prompts[other]:
                raise KnowledgeError(
                    f"{dataset}: the encoder gives the same vector for the scenarios "
                    f"{names[one]!r} and {names[other]!r}, though their prompts differ, so the "
                    "scenario level cannot tell them apart. Describe what distinguishes them in "
                    f"{dataset}.scenario (scenario_name, scenario_description), raise "
                    "prompt_max_tokens, or set use_scenario_meta: False and another encoder"
                )
