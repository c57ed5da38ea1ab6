"""Data whose labels are fair coin flips; the audit's probes try to read them back.

Nothing here can be learned but what a training row's knowledge says of the row's own label, so that
any probe above chance finds a leak.
"""

import numpy as np
import polars as pl
from sklearn.metrics import roc_auc_score

from recbole_llm4msr.data.history import TrainingHistory
from recbole_llm4msr.knowledge.audit.probes import (
    cosines,
    cross_validated_scores,
    row_vectors,
    user_ids,
)


def coin_history(
    rows_per_user: tuple[int, int],
    *,
    n_users: int = 1500,
    n_items: int = 300,
    times: bool = True,
    negatives: bool = False,
    seed: int = 0,
) -> TrainingHistory:
    """Random users, items with texts of five random words, two scenarios, labels of a fair coin.

    Args:
        rows_per_user: Fewest and most rows of a user.
        n_users: Number of users.
        n_items: Number of items.
        times: Whether rows have a time; otherwise it is null.
        negatives: Rows come in pairs of one positive and one drawn negative, which share a time.
        seed: Seed of everything.
    """
    random = np.random.default_rng(seed)
    words = np.array([f"word{n}" for n in range(200)])
    rows = []
    for user in range(n_users):
        count = int(random.integers(rows_per_user[0], rows_per_user[1] + 1))
        if negatives:
            count += count % 2
        items = random.choice(n_items, size=count, replace=False)
        for place, item in enumerate(items):
            moment = place // 2 if negatives else place
            scenario = "left" if (user * 31 + moment * 17 + moment // 3) % 2 else "right"
            label = 1 - place % 2 if negatives else int(random.integers(2))
            rows.append((f"u{user}", f"i{item}", scenario, label, moment if times else None))
    order = random.permutation(len(rows))
    names = ["user", "item", "scenario", "label", "time"]
    kinds = [pl.String, pl.String, pl.String, pl.Float32, pl.Float64]
    frame = pl.DataFrame(
        [rows[at] for at in order], schema=dict(zip(names, kinds, strict=True)), orient="row"
    )
    seen = frame["item"].unique().sort().to_list()
    titles = [" ".join(random.choice(words, 5)) for _ in seen]
    return TrainingHistory(
        dataset="coin",
        rows=frame,
        users=[f"u{n}" for n in range(n_users)],
        items=pl.DataFrame({"item": seen, "title": titles}),
        item_tokens=[f"i{n}" for n in range(n_items)],
        scenarios=["left", "right"],
        scenario_names=["Left", "Right"],
        scenario_descriptions=["", ""],
    )


def readable(features: np.ndarray, history: TrainingHistory) -> float:
    """AUC over all rows at which a probe, cross-validated over users, reads the rows' labels."""
    label = history.rows["label"].to_numpy() > 0.5
    score = cross_validated_scores(features, label, user_ids(history))
    return float(roc_auc_score(label, score))


def compared(found, history: TrainingHistory) -> np.ndarray:
    """A row's vector, its cosine with its user's full vector, and the norm, (n_rows, d + 2)."""
    vectors = row_vectors(found, history)
    full = found.user[user_ids(history)].numpy()
    return np.column_stack([vectors, cosines(vectors, full), np.linalg.norm(vectors, axis=1)])


def share_of_positives(history: TrainingHistory) -> np.ndarray:
    """The share of positives among the rows of every row's user, (n_rows, 1)."""
    return history.rows.select(pl.col("label").mean().over("user")).to_numpy()
