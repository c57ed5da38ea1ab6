"""Points of a search grid."""

from __future__ import annotations

from recbole_llm4msr.evaluation.benchmark.plan import (
    grid_points,
)


def test_grid_points_are_different_and_the_same_for_a_seed() -> None:
    space = {"a": [1, 2, 3], "b": ["x", "y"]}
    drawn = grid_points(space, 4, seed=1)
    assert drawn == grid_points(space, 4, seed=1)
    assert len({tuple(point.values()) for point in drawn}) == 4
    assert all(point["a"] in space["a"] and point["b"] in space["b"] for point in drawn)
    assert any(drawn != grid_points(space, 4, seed=seed) for seed in range(2, 9))
    assert len(grid_points(space, 6, seed=1)) == len(grid_points(space, 99, seed=1)) == 6
