"""Forms of :class:`ScenarioGroups` for tracing: no operation depends on the values of a batch.

Grouping counts the rows of every scenario, so that the shapes that follow depend on the data, which
``torch.export`` cannot trace. The two forms here have the same results row by row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch

from recbole_llm4msr.model.layers import groups
from recbole_llm4msr.model.layers.groups import ScenarioGroups


class EveryScenario(ScenarioGroups):
    """Runs every scenario's layers on all rows, and selects each row's result: S times the work.

    Ids out of range are clamped; the caller has to reject them.
    """

    def __init__(self, scenario: torch.Tensor, n_scenarios: int, is_computed: bool = False) -> None:
        self.sizes = [scenario.shape[0]] * n_scenarios
        self._scenario = scenario.clamp(0, n_scenarios - 1)

    def sort(self, x: torch.Tensor) -> torch.Tensor:
        """The rows as they are."""
        return x

    restore = sort

    def split(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """All rows, S times."""
        return (x,) * len(self.sizes)

    def merge(self, parts: Iterable[torch.Tensor]) -> torch.Tensor:
        """Select each row's result of its own scenario, shape ``(B, ...)``."""
        results = torch.stack(tuple(parts), dim=1)  # (B, S, ...)
        index = self._scenario.view(-1, *[1] * (results.dim() - 1))
        return results.gather(1, index.expand(-1, 1, *results.shape[2:])).squeeze(1)


class OneScenario(EveryScenario):
    """For a batch whose rows all have scenario :attr:`scenario`: the layers of others are left out.

    Clusters, which a model computes row by row, are treated as in :class:`EveryScenario`.
    """

    scenario: int

    def __init__(self, scenario: torch.Tensor, n_scenarios: int, is_computed: bool = False) -> None:
        super().__init__(scenario, n_scenarios)
        self._is_known = not is_computed
        if self._is_known:
            self.sizes = [0] * n_scenarios
            self.sizes[self.scenario] = scenario.shape[0]

    def split(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """All rows for the one scenario, none for the others."""
        if not self._is_known:
            return super().split(x)
        return tuple(
            x if s == self.scenario else x.new_zeros(0, *x.shape[1:])
            for s in range(len(self.sizes))
        )

    def merge(self, parts: Iterable[torch.Tensor]) -> torch.Tensor:
        """Return the result of the one scenario; those of the others depend on no row."""
        return tuple(parts)[self.scenario] if self._is_known else super().merge(parts)


@contextmanager
def traceable_routing(scenario: int | None = None) -> Iterator[None]:
    """Let :class:`ScenarioGroups` be a form that can be traced, in the block that follows.

    Training is not affected: outside of the block, and in other threads, nothing changes.

    Args:
        scenario: The scenario ``0 .. S - 1`` of all rows; ``None`` where rows differ.
    """
    form = EveryScenario
    if scenario is not None:
        form = type("OneScenario", (OneScenario,), {"scenario": scenario})
    token = groups._stand_in.set(form)
    try:
        yield
    finally:
        groups._stand_in.reset(token)
