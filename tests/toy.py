"""A small data set of three scenarios, written as atomic files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

TITLES = ["red shoe", "null", "blue hat", "NA", "green coat", "nan", 'a "quoted" scarf']


def write_toy(parent: Path, name: str = "toy", rows: int = 1500, seed: int = 0) -> Path:
    """Write ``<name>.inter``, ``.user``, ``.item``, ``.scenario`` and ``.yaml``; return the folder.

    Users like items whose number has the parity of their own, so that there is something to learn.
    """
    rng = np.random.default_rng(seed)
    folder = parent / name
    folder.mkdir(parents=True)
    users, items = rng.integers(1, 31, rows), rng.integers(1, 41, rows)
    scenarios = rng.choice(["search", "feed", "mail"], rows, p=[0.5, 0.3, 0.2])
    labels = ((users + items) % 2 == 0) ^ (rng.random(rows) < 0.1)
    inter = ["user_id:token\titem_id:token\tscenario:token\tlabel:float\ttimestamp:float"]
    inter += [
        f"u{u}\ti{i}\t{s}\t{int(y)}\t{t}"
        for t, (u, i, s, y) in enumerate(zip(users, items, scenarios, labels, strict=True))
    ]
    user = ["user_id:token\tage:token"] + [f"u{u}\t{20 + u % 3}" for u in range(1, 31)]
    item = ["item_id:token\tprice:float\ttags:token_seq\ttitle:token_seq"]
    item += [f"i{i}\t{i / 7:.3f}\tt{i % 5} t{i % 3}\t{TITLES[i % 7]}" for i in range(1, 41)]
    scenario = [
        "scenario:token\tscenario_name:token_seq\tscenario_description:token_seq",
        "search\tSearch page\titems found by a query",
        "feed\tHome feed\titems shown unasked",
    ]
    texts = {"inter": inter, "user": user, "item": item, "scenario": scenario}
    for suffix, lines in texts.items():
        (folder / f"{name}.{suffix}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / f"{name}.yaml").write_text(
        "load_col:\n"
        "  inter: [user_id, item_id, scenario, label, timestamp]\n"
        "  user: [user_id, age]\n"
        "  item: [item_id, price, tags]\n"
        "numerical_features: [price]\n"
        "item_text_fields: [title]\n",
        encoding="utf-8",
    )
    return folder


def toy_settings(tmp_path: Path, **more) -> dict:
    """Settings of a short run on the toy data that leaves nothing behind outside ``tmp_path``."""
    return {
        "data_path": str(tmp_path),
        "checkpoint_dir": str(tmp_path / "saved"),
        "epochs": 2,
        "train_batch_size": 64,
        "embedding_size": 4,
        "mlp_hidden_size": [8],
        # Without dropout, two forms of one computation give the same numbers.
        "dropout_prob": 0.0,
        "meta_dropout_prob": 0.0,
        "learning_rate": 0.001,
        "use_gpu": False,
        "state": "ERROR",
        **more,
    }
