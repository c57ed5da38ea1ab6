"""Random training histories whose prompts do not fit: many scenarios, long texts, repetitions."""

import random
import re

import numpy as np
import polars as pl

from recbole_llm4msr.data.history import TrainingHistory
from recbole_llm4msr.knowledge.encoders.random import NoiseEncoder

KINDS = ("often", "titles of 60", "titles of 400", "categories", "profiles", "signs")
WORDS = (
    "garden kitchen train silver violin tea shoes lamp winter paper river mountain coffee chair "
    "bicycle window music orange blue small wooden steel happy morning travel story"
).split()


class Words(NoiseEncoder):
    """Counts words and Chinese signs, so that a prompt's tokens can be read off."""

    def __init__(self, limit: int, form: str = "compact") -> None:
        super().__init__(4, 0)
        self.max_tokens, self.form = limit, form

    def count_tokens(self, texts):
        signs = r"[\u3400-\u9fff]"
        found = [re.findall(rf"{signs}|[^\s\u3400-\u9fff]+", text) for text in texts]
        return np.array([len(words) for words in found], dtype=np.int64)


def long_history(kind: str, scenarios: int, seed: int, users: int = 5) -> TrainingHistory:
    """A history of one of ``KINDS``; the first user chose something in every scenario.

    Every item's text begins with a word of its own, ``n`` and its number; times are all different.
    """
    draw = random.Random(f"{kind} {scenarios} {seed}")
    length = {"titles of 60": 60, "titles of 400": 400}.get(kind, 5)

    def text(words: int) -> str:
        return " ".join(draw.choice(WORDS) for _ in range(words))

    titles = {f"i{n}": f"n{n}z {text(length)}" for n in range(4 if kind == "often" else 40)}
    if kind == "signs":
        signs = [chr(0x4E00 + n) for n in range(400)]
        titles = {i: t[:5] + "".join(draw.choices(signs, k=300)) for i, t in titles.items()}
    categories = [text(40 if kind == "categories" else 2) for _ in range(12)]
    rows = []
    for user in range(users):
        inside = range(scenarios) if user == 0 else draw.sample(range(scenarios), min(scenarios, 3))
        for scenario in inside:
            for _ in range(2 if scenarios > 30 else 24 if kind == "often" else 12):
                item = draw.choice(list(titles))
                rows.append((f"u{user}", item, f"s{scenario}", float(draw.random() < 0.9)))
            rows.append((f"u{user}", draw.choice(list(titles)), f"s{scenario}", 1.0))
    times = draw.sample(range(10 * len(rows)), len(rows))
    frame = pl.DataFrame(rows, schema=["user", "item", "scenario", "label"], orient="row")
    frame = frame.with_columns(pl.col("label").cast(pl.Float32), time=pl.Series(times).cast(float))
    seen = sorted(set(frame["item"]))
    fields = {f"field {n}": [text(30) for _ in range(users)] for n in range(8)}
    names = [f"u{user}" for user in range(users)]
    return TrainingHistory(
        dataset="long",
        rows=frame,
        users=names,
        items=pl.DataFrame(
            {
                "item": seen,
                "title": [titles[i] for i in seen],
                "kind": [draw.choice(categories) for _ in seen],
            }
        ),
        item_tokens=sorted(titles),
        scenarios=[f"s{n}" for n in range(scenarios)],
        scenario_names=[f"The {WORDS[n % 26]} shop {n}" for n in range(scenarios)],
        scenario_descriptions=[text(15) for _ in range(scenarios)],
        profiles=pl.DataFrame({"user": names, **fields}) if kind == "profiles" else None,
    )


def newest_titles(history: TrainingHistory) -> dict[str, str]:
    """The text of every user's newest positive item."""
    newest = history.rows.filter(pl.col("label") > 0.5).sort("time").group_by("user").last()
    titles = dict(history.items.select("item", "title").iter_rows())
    return {user: titles[item] for user, item in newest.select("user", "item").iter_rows()}
