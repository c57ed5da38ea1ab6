"""Click probabilities of rows of ids: blocks of one scenario, run by onnxruntime."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from recbole_llm4msr.serving.artefact import Artefact, GivenLayers, UserLayers
from recbole_llm4msr.serving.graphs import USER_LAYER, Graphs
from recbole_llm4msr.serving.rows import EncodedRows

#: Rows that are scored at a time; the intermediate results of more do not stay in a core's cache.
BLOCK = 1024


class IdScorer:
    """Scores rows whose tokens have been looked up.

    Args:
        artefact: The opened artefact.
        threads: Threads that share the blocks of a call; 0 for all cores.
    """

    def __init__(self, artefact: Artefact, threads: int = 1) -> None:
        self.artefact = artefact
        self._layers: UserLayers | GivenLayers | None = artefact.user_layers
        self._unknown_user = artefact.vocabularies[artefact.user_field].unknown
        self._graphs = Graphs(artefact)
        threads = threads or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        # The features of users and items, by the side whose id finds them.
        self._sides = {
            side: [
                field.name
                for field in artefact.fields
                if field.source == side and field.name in artefact.features
            ]
            for side in ("user", "item")
        }

    def score(self, rows: EncodedRows) -> np.ndarray:
        """Click probabilities of encoded rows, float32, shape ``(B,)``."""
        scores = np.empty(len(rows.users), np.float32)
        order = np.argsort(rows.scenarios, kind="stable")
        ends = np.cumsum(np.bincount(rows.scenarios, minlength=1))
        starts = ends - np.bincount(rows.scenarios, minlength=1)
        blocks = [
            (scenario, order[low : min(low + BLOCK, end)])
            for scenario, (start, end) in enumerate(zip(starts, ends, strict=True))
            for low in range(start, end, BLOCK)
        ]

        def fill(block: tuple[int, np.ndarray]) -> None:
            scores[block[1]] = self._score_block(*block, rows)

        self._for_each(fill, blocks)
        return scores

    def _for_each(self, function: Callable[[Any], None], blocks: Iterable[Any]) -> None:
        """Call a function with every block, by all threads; onnxruntime lets others run."""
        if self._pool is None:
            for block in blocks:
                function(block)
        else:
            list(self._pool.map(function, blocks))

    def _score_block(self, scenario: int, part: np.ndarray, rows: EncodedRows) -> np.ndarray:
        users = rows.users[part]
        inputs = self._inputs(scenario, users, rows.items[part])
        inputs |= {name: values[part] for name, values in rows.values.items()}
        if self._layers is not None:
            inputs[USER_LAYER] = self._layers.of(users)
        return self._graphs.run(scenario, inputs, one_user=False)

    def _inputs(self, scenario: int, users: np.ndarray, items: np.ndarray) -> dict[str, np.ndarray]:
        """The columns of users, items and the scenario."""
        artefact = self.artefact
        users = np.minimum(users, self._unknown_user)
        inputs = {artefact.user_field: users, artefact.item_field: items}
        if artefact.scenario_field is not None:
            inputs[artefact.scenario_field] = np.full(len(users), scenario + 1)
        for side, ids in (("user", users), ("item", items)):
            for name in self._sides[side]:
                values = artefact.features[name][ids]
                inputs[name] = values if values.dtype == np.float32 else values.astype(np.int64)
        return inputs

    def score_items(
        self,
        user: int,
        scenario: int,
        items: np.ndarray,
        values: dict[str, np.ndarray] | None = None,
    ) -> np.ndarray:
        """Click probabilities of items for one user in one scenario, shape ``(N,)``.

        The user's layer is taken once and multiplied as one matrix.

        Args:
            user: Id of the user.
            scenario: Scenario, ``0 .. S - 1``.
            items: Ids of the items, shape ``(N,)``.
            values: Columns of the fields that belong to the interaction, ``(N, ...)`` each.
        """
        scores = np.empty(len(items), np.float32)
        layer = None
        if self._layers is not None:
            layer = self._layers.of(np.array([user]))

        def fill(low: int) -> None:
            part = slice(low, low + BLOCK)
            inputs = self._inputs(scenario, np.full(len(items[part]), user), items[part])
            inputs |= {name: column[part] for name, column in (values or {}).items()}
            if layer is not None:
                inputs[USER_LAYER] = layer
            scores[part] = self._graphs.run(scenario, inputs, one_user=True)

        self._for_each(fill, range(0, len(items), BLOCK))
        return scores
