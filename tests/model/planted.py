"""Data whose right answer is known by construction, and how well a model has found it."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass
from pathlib import Path

import torch
from recbole.data.interaction import Interaction

from .small import SmallData

N_ITEMS, N_USERS = 32, 24
CERTAINTY = 0.95  # probability that a label says what the taste says

#: Whether scenario s likes item i. Every taste likes half of the items.
TASTES = {
    "base": lambda i: i % 2 == 0,
    "conflict": lambda i: i % 2 == 1,  # the opposite
    "share": lambda i: i % 2 == 0,  # the same, and only half of the items occur in training
    "unrelated": lambda i: i // 2 % 2 == 0,  # knowing the base says nothing about it
}
SEEN_BY_SHARE = range(N_ITEMS // 2)


def write_tastes(folder: Path, name: str) -> None:
    """Write users, items and scenarios where only item and scenario say something on the label."""
    rng = random.Random(11)
    lines = ["user_id:token\titem_id:token\tscenario:token\tlabel:float"]
    for _ in range(3):
        for scenario, item in itertools.product(TASTES, range(N_ITEMS)):
            if scenario == "share" and item not in SEEN_BY_SHARE:
                continue
            for _ in range(4):
                likes = TASTES[scenario](item) == (rng.random() < CERTAINTY)
                lines.append(f"u{rng.randrange(N_USERS)}\ti{item}\t{scenario}\t{int(likes)}")
    (folder / name).mkdir()
    (folder / name / f"{name}.inter").write_text("\n".join(lines) + "\n")


def write_interests(folder: Path, name: str) -> None:
    """Write users of two interests, which their rows show only in their match with the item.

    Users of an odd number like odd items. The second half of the users is for testing.
    """
    rng = random.Random(12)
    lines = ["user_id:token\titem_id:token\tscenario:token\tlabel:float"]
    for user, item in itertools.product(range(100), range(16)):
        likes = (user % 2 == item % 2) == (rng.random() < CERTAINTY)
        lines.append(f"u{user:02d}\ti{item}\ts{rng.randrange(2)}\t{int(likes)}")
    (folder / name).mkdir()
    (folder / name / f"{name}.inter").write_text("\n".join(lines) + "\n")


def every_row(data: SmallData) -> Interaction:
    """All rows of the files, whatever the split."""
    return data.train.inter_feat


@dataclass
class Planted:
    """A data set of this module, with rows to learn from and rows to be asked about."""

    data: SmallData
    train: Interaction
    test: Interaction
    answer: torch.Tensor  # (n_test,) bool, without noise


def auc(scores: torch.Tensor, answer: torch.Tensor) -> float:
    """Share of pairs of a right and a wrong row that are in the right order; ties count half."""
    right, wrong = scores[answer].unsqueeze(1), scores[~answer].unsqueeze(0)
    return float(((right > wrong).double() + 0.5 * (right == wrong).double()).mean())


def fit(model: torch.nn.Module, train: Interaction, n_epochs: int, seed: int = 4) -> None:
    """Train by Adam on batches of 256 rows, at a rate that finds simple answers quickly."""
    shuffler = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    model.train()
    for _ in range(n_epochs):
        for index in torch.randperm(len(train), generator=shuffler).split(256):
            optimizer.zero_grad()
            model.calculate_loss(train[index]).backward()
            optimizer.step()
    model.eval()
