"""Sample training rows by scenario (``scenario_sampling``), so that small scenarios weigh more."""

from __future__ import annotations

from collections.abc import Iterator
from logging import getLogger

import numpy as np
from recbole.data.dataloader import TrainDataLoader
from torch.utils.data import DataLoader, DistributedSampler, Sampler


def sampling_power(setting: str | float | None) -> float:
    """The power p of the setting ``scenario_sampling``: scenarios are drawn as ``rows ** p``.

    Args:
        setting: ``natural`` (or ``None``), ``balanced``, or a number from 0 (balanced) to 1.

    Raises:
        ValueError: The setting is not one of these.
    """
    if setting is None or setting == "natural":
        return 1.0
    if setting == "balanced":
        return 0.0
    is_number = isinstance(setting, int | float) and not isinstance(setting, bool)
    if is_number and 0 <= setting <= 1:
        return float(setting)
    raise ValueError(
        f"scenario_sampling: {setting!r} is not `natural`, `balanced` or a power between 0 "
        "(balanced) and 1 (natural)"
    )


def rows_to_draw(rows: np.ndarray, power: float) -> np.ndarray:
    """Number of rows that an epoch draws from each scenario; their sum is that of ``rows``.

    Args:
        rows: Number of rows of each scenario, shape ``(S,)``.
        power: The scenarios' shares are in proportion to ``rows ** power``; a scenario without
            rows has none.

    Returns:
        Whole numbers of shape ``(S,)``, the remainders given to the largest of them.
    """
    share = np.where(rows > 0, rows.astype(float) ** power, 0.0)
    exact = rows.sum() * share / share.sum()
    drawn = np.floor(exact).astype(np.int64)
    largest = np.argsort(drawn - exact, kind="stable")[: rows.sum() - drawn.sum()]
    drawn[largest] += 1
    return drawn


def draw(scenario: np.ndarray, n_drawn: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Positions of an epoch's rows, in random order.

    A scenario's rows are used equally often, but for one time more or less: one that is drawn
    beyond its size repeats all its rows before it repeats any once more.

    Args:
        scenario: Scenario of every row in ``0 .. S - 1``, shape ``(N,)``.
        n_drawn: How many rows to draw from each scenario, shape ``(S,)``.
        rng: Random numbers.
    """
    parts = []
    for s, n in enumerate(n_drawn):
        rows = np.flatnonzero(scenario == s)
        if n:
            times, rest = divmod(int(n), len(rows))
            parts += [np.tile(rows, times), rng.choice(rows, rest, replace=False)]
    return rng.permutation(np.concatenate(parts))


class ScenarioSampler(Sampler[int]):
    """Positions of the rows that an epoch draws from each scenario.

    Every epoch has as many rows as the training split, and draws its own; the draw depends on the
    seed and the epoch alone, so that all processes of a distributed run make the same.

    Args:
        dataset: The training split, a :class:`~recbole_llm4msr.data.MultiScenarioDataset`.
        power: See :func:`sampling_power`.
        seed: Seed of the draws.
        part: In a distributed run the sampler of this process's part of an epoch.
    """

    def __init__(
        self, dataset, power: float, seed: int, part: DistributedSampler | None = None
    ) -> None:
        self._scenario = dataset.inter_feat[dataset.scenario_field].numpy() - 1
        rows = np.bincount(self._scenario, minlength=dataset.scenario_num)
        self._n_drawn = rows_to_draw(rows, power)
        self._seed, self._part, self._epoch = seed, part, 0
        getLogger().info(
            "Scenario sampling: rows drawn in an epoch, out of all: %s",
            ", ".join(
                f"{token} {drawn} of {there}"
                for token, drawn, there in zip(
                    dataset.scenario_tokens, self._n_drawn, rows, strict=True
                )
            ),
        )

    def set_epoch(self, epoch: int) -> None:
        """Set the number of the next epoch; called by the trainer in a distributed run."""
        self._epoch = epoch
        if self._part is not None:
            self._part.set_epoch(epoch)

    def __len__(self) -> int:
        return int(self._n_drawn.sum()) if self._part is None else len(self._part)

    def __iter__(self) -> Iterator[int]:
        drawn = draw(
            self._scenario, self._n_drawn, np.random.default_rng([self._seed, self._epoch])
        )
        self._epoch += 1
        return iter(drawn.tolist() if self._part is None else drawn[list(self._part)].tolist())


class _SampledByScenario(DataLoader):
    """Base class between RecBole's loader and torch's that sets a :class:`ScenarioSampler`."""

    def __init__(self, *args, sampler=None, shuffle=None, **kwargs) -> None:
        power = sampling_power(self.config["scenario_sampling"])
        scenario_sampler = ScenarioSampler(self._dataset, power, self.config["seed"], part=sampler)
        super().__init__(*args, sampler=scenario_sampler, **kwargs)


class ScenarioSamplingLoader(TrainDataLoader, _SampledByScenario):
    """RecBole's training loader, on the rows of a :class:`ScenarioSampler`."""


def with_scenario_sampling(config, loader: TrainDataLoader) -> TrainDataLoader:
    """Replace the training loader by one that samples by scenario, unless sampling is natural.

    Raises:
        ValueError: The setting is not valid, or the data set has no scenarios.
    """
    if sampling_power(config["scenario_sampling"]) == 1:
        return loader
    if not config.multi_scenario:
        raise ValueError(
            f"scenario_sampling: {config['scenario_sampling']} needs scenarios; set SCENARIO_FIELD"
        )
    return ScenarioSamplingLoader(config, loader._dataset, loader._sampler, shuffle=loader.shuffle)
