"""Order vectors by id: a user's own, that of a fold, or the mean of similar users."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from recbole_llm4msr.data.history import TrainingHistory
from recbole_llm4msr.knowledge.options import KnowledgeOptions
from recbole_llm4msr.knowledge.prompts.histories import FULL
from recbole_llm4msr.knowledge.prompts.writer import PromptPlan
from recbole_llm4msr.knowledge.vectors.compress import Compressor
from recbole_llm4msr.knowledge.vectors.prepared_vectors import Coverage, PreparedVectors
from recbole_llm4msr.knowledge.vectors.scenarios import check_distinct, scenario_vectors

ReadVectors = Callable[[Sequence[str]], np.ndarray]


def assemble(
    history: TrainingHistory,
    plan: PromptPlan,
    read: ReadVectors,
    read_scenarios: ReadVectors,
    *,
    size: int,
    whiten: bool = False,
    seed: int = 0,
) -> PreparedVectors:
    """Compress the vectors of a plan's prompts and order them by id.

    Components are fitted on full-history prompts of training users (and training items) only. A
    user below the threshold gets the mean of the users of the same scenarios, an unseen one the
    mean of all. A training row whose user has nothing left without the row's fold gets such a mean
    too.

    Args:
        history: The training rows and the order of the ids.
        plan: The prompts.
        read: Returns the vectors of users' and items' prompts, in order.
        read_scenarios: Returns those of scenarios' prompts.
        size: Most components to keep.
        whiten: Give the components unit variance.
        seed: Seed of the decomposition.
    """
    basis, means, kinds = _fit(history, plan, read, size, whiten, seed)
    own_compressed = basis.transform(kinds[0])
    user, own, coverage = _by_user(history, plan, own_compressed, means)
    train_index = None
    if plan.folds is not None:
        fold_prompts = plan.users.filter(pl.col("fold") != FULL)
        fold_vectors = _in_blocks(fold_prompts["prompt"].to_list(), read, basis)
        user, train_index = _with_folds(history, plan, fold_prompts, user, fold_vectors, means)
    item = None
    if plan.items is not None:
        item = _by_item(history, plan.items, basis.around(kinds[1]).transform(kinds[1]))
    states = read_scenarios(plan.scenarios)
    check_distinct(states, plan.scenarios, history.scenario_names, history.dataset)
    return PreparedVectors(
        user=user.astype(np.float16),
        scenario=scenario_vectors(states, size, seed),
        item=None if item is None else item.astype(np.float16),
        train_index=train_index,
        own=own,
        coverage=coverage,
        explained=basis.explained,
    )


def fit_users(
    history: TrainingHistory, plan: PromptPlan, read: ReadVectors, options: KnowledgeOptions
) -> UserBasis:
    """Fit on a plan what :func:`assemble` makes the users' vectors with."""
    basis, means, _ = _fit(
        history,
        plan,
        read,
        options.knowledge_size,
        options.knowledge_whiten,
        options.knowledge_seed,
    )
    return UserBasis(basis, means.of_scenario, means.overall)


def _fit(
    history: TrainingHistory,
    plan: PromptPlan,
    read: ReadVectors,
    size: int,
    whiten: bool,
    seed: int,
) -> tuple[Compressor, _Means, list[np.ndarray]]:
    """Components, means, and the vectors of users' full-history prompts and of items' prompts."""
    own_vectors = read(plan.full["prompt"].to_list())
    kinds = [own_vectors]
    if plan.items is not None:
        kinds.append(read(plan.items["prompt"].to_list()))
    fitted = kinds if plan.fitted is None else [read(plan.fitted["prompt"].to_list()), *kinds[1:]]
    basis = Compressor.fit(fitted, size, whiten=whiten, seed=seed)
    if plan.fitted is None:
        means = _Means(history, plan.full["user"].to_list(), basis.transform(own_vectors))
    else:  # a mean over positives would reveal which items were chosen, the row's own among them
        means = _Means(history, plan.fitted["user"].to_list(), basis.transform(fitted[0]))
    return basis, means, kinds


@dataclass(frozen=True)
class UserBasis:
    """What makes a user's vector of an encoder's: components, and means for users without a prompt.

    Attributes:
        compressor: Compresses the encoder's vectors.
        of_scenario: (S, k) mean of the users of each scenario.
        overall: (k,) mean of all users.
    """

    compressor: Compressor
    of_scenario: np.ndarray
    overall: np.ndarray

    def mean_of(self, scenarios: Sequence[int]) -> np.ndarray:
        """The vector of a user without a prompt who was seen in these scenarios, ``(k,)``."""
        if not len(scenarios):
            return self.overall
        return self.of_scenario[list(scenarios)].mean(axis=0)


class _Means:
    """Mean vectors of the users of each scenario.

    Args:
        history: The training rows.
        users: The users of ``vectors``, in order.
        vectors: (n, k) compressed vectors of their prompts.
    """

    def __init__(self, history: TrainingHistory, users: Sequence[str], vectors: np.ndarray) -> None:
        seen = history.rows.select("user", "scenario").unique()
        column = {token: index for index, token in enumerate(history.scenarios)}
        member = np.zeros((len(users), len(column)), dtype=np.float64)
        rows = {user: row for row, user in enumerate(users)}
        for user, scenario in seen.iter_rows():
            if user in rows:
                member[rows[user], column[scenario]] = 1
        counts = member.sum(axis=0)[:, None]  # (S, 1)
        self.overall = vectors.mean(axis=0)
        self.of_scenario = np.where(
            counts > 0, member.T @ vectors / np.maximum(counts, 1), self.overall
        )
        grouped = seen.group_by("user").agg(pl.col("scenario").sort())
        self._sets = dict(grouped.iter_rows())
        self._column = column

    def scenarios_of(self, user: str) -> tuple[int, ...]:
        """Return the scenarios of a user's training rows, none for an unseen user."""
        return tuple(self._column[s] for s in self._sets.get(user, ()))

    def mean_of(self, scenarios: tuple[int, ...]) -> np.ndarray:
        """Return the mean over the scenarios' means, the mean of all users for none."""
        return self.of_scenario[list(scenarios)].mean(axis=0) if scenarios else self.overall


def _by_user(
    history: TrainingHistory, plan: PromptPlan, vectors: np.ndarray, means: _Means
) -> tuple[np.ndarray, np.ndarray, Coverage]:
    """Order the users' vectors by id: ((n_users, k), own (n_users,), coverage)."""
    user = np.empty((len(history.users) + 1, vectors.shape[1]), dtype=np.float32)
    user[0] = means.overall
    own = np.zeros(len(user), dtype=bool)
    rows = {token: row for row, token in enumerate(plan.full["user"])}
    unseen = 0
    for number, token in enumerate(history.users, 1):
        row = rows.get(token)
        if row is not None:
            user[number], own[number] = vectors[row], True
            continue
        scenarios = means.scenarios_of(token)
        user[number] = means.mean_of(scenarios)
        unseen += not scenarios
    n_own = int(own.sum())
    return user, own, Coverage(n_own, len(history.users) - n_own - unseen, unseen)


def _with_folds(
    history: TrainingHistory,
    plan: PromptPlan,
    fold_prompts: pl.DataFrame,
    user: np.ndarray,
    vectors: np.ndarray,
    means: _Means,
) -> tuple[np.ndarray, np.ndarray]:
    """Append the fold vectors to ``user`` and index them by training row.

    Whether a row gets a vector of its own user depends on the other folds alone: that the user has
    a full-history prompt may depend on this very row's label.
    """
    position = {
        pair: len(user) + row
        for row, pair in enumerate(fold_prompts.select("user", "fold").iter_rows())
    }
    extra: list[np.ndarray] = []
    shared: dict[tuple[int, ...], int] = {}
    pairs = history.rows.select("user").with_columns(fold=pl.Series(plan.folds))
    wanted = pairs.unique(maintain_order=True)
    index = np.empty(wanted.height, dtype=np.int64)
    for row, (token, fold) in enumerate(wanted.iter_rows()):
        if (token, fold) in position:
            index[row] = position[token, fold]
        else:  # without the fold the user has too few interactions for a prompt
            scenarios = means.scenarios_of(token)
            if scenarios not in shared:
                shared[scenarios] = len(user) + len(vectors) + len(extra)
                extra.append(means.mean_of(scenarios))
            index[row] = shared[scenarios]
    joined = pairs.join(
        wanted.with_columns(index=pl.Series(index)),
        on=["user", "fold"],
        how="left",
        maintain_order="left",
    )
    rows = [user, vectors, *([np.stack(extra)] if extra else [])]
    return np.concatenate(rows), joined["index"].to_numpy().astype(np.int64)


def _by_item(history: TrainingHistory, items: pl.DataFrame, vectors: np.ndarray) -> np.ndarray:
    """Order the items' vectors by id; padding and items never trained on get the mean, zero."""
    ids = {token: number for number, token in enumerate(history.item_tokens, 1)}
    item = np.zeros((len(history.item_tokens) + 1, vectors.shape[1]), dtype=np.float32)
    item[[ids[token] for token in items["item"]]] = vectors
    return item


def _in_blocks(
    prompts: Sequence[str], read: ReadVectors, compressor: Compressor, block: int = 32768
) -> np.ndarray:
    """Compress the vectors of many prompts in blocks, to save memory."""
    parts = [
        compressor.transform(read(prompts[start : start + block]))
        for start in range(0, len(prompts), block)
    ]
    return np.concatenate(parts) if parts else np.empty((0, compressor.size), np.float32)
