"""A small data set in real files, and models built on it as a run builds them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from recbole.data.interaction import Interaction
from recbole.utils import init_seed

from recbole_llm4msr import Config, create_dataset, data_preparation, get_model
from recbole_llm4msr.data import MultiScenarioDataset

N_USERS, N_ITEMS = 24, 18
FLOATS = ["hour", "age", "price"]


def write_dataset(folder: Path, name: str, n_scenarios: int, only_ids: bool = False) -> None:
    """Write ``<name>.inter`` and, unless ``only_ids``, its ``.user`` and ``.item``.

    Together they have token, float and token_seq features; sequences differ in length.
    """
    rng = random.Random(n_scenarios)
    lines = ["user_id:token\titem_id:token\tscenario:token\tlabel:float\thour:float"]
    for row in range(320):
        user, item = rng.randrange(N_USERS), rng.randrange(N_ITEMS)
        scenario = row % n_scenarios  # every scenario has rows
        label = int((user + item + scenario) % 3 == 0 or rng.random() < 0.2)
        lines.append(f"u{user}\ti{item}\ts{scenario}\t{label}\t{rng.random():.3f}")
    if only_ids:
        lines = [line.rpartition("\t")[0] for line in lines]
    (folder / name).mkdir(parents=True)
    (folder / name / f"{name}.inter").write_text("\n".join(lines) + "\n")
    if only_ids:
        return
    users = ["user_id:token\tgender:token\tage:float"]
    users += [f"u{u}\tg{u % 2}\t{u / N_USERS:.3f}" for u in range(N_USERS)]
    items = ["item_id:token\tgenre:token_seq\tprice:float"]
    items += [
        f"i{i}\t{' '.join(rng.sample('abcde', 1 + i % 3))}\t{rng.random():.3f}"
        for i in range(N_ITEMS)
    ]
    (folder / name / f"{name}.user").write_text("\n".join(users) + "\n")
    (folder / name / f"{name}.item").write_text("\n".join(items) + "\n")


def fake_knowledge(dataset: MultiScenarioDataset, fingerprint: str = "a" * 64) -> SimpleNamespace:
    """Knowledge as a model sees it, of random vectors: a row per user id, then two fold vectors."""
    random_numbers = torch.Generator().manual_seed(5)
    return SimpleNamespace(
        user=torch.randn(dataset.user_num + 2, 7, generator=random_numbers),
        scenario=torch.randn(dataset.scenario_num, 6, generator=random_numbers),
        item=None,
        fingerprint=fingerprint,
    )


@dataclass
class SmallData:
    """A training split, a batch of it, and the options every model is built with on it."""

    options: dict[str, Any]
    train: MultiScenarioDataset
    batch: Interaction
    name: str

    @classmethod
    def load(
        cls,
        folder: Path,
        name: str,
        only_ids: bool = False,
        split: tuple[float, float, float] = (0.8, 0.1, 0.1),
        **more: Any,
    ) -> SmallData:
        options = {
            "data_path": str(folder),
            "checkpoint_dir": str(folder / "saved"),
            "load_col": None,
            "numerical_features": [] if only_ids else FLOATS,
            "TIME_FIELD": None,
            "eval_args": {
                "split": {"RS": list(split)},
                "order": "RO",
                "group_by": None,
                "mode": "labeled",
            },
            "embedding_size": 4,
            "meta_code_size": 16,  # perturbed weights of wider codes add up to huge logits
            "train_batch_size": 256,
            # Without dropout, two forms of one computation give the same numbers.
            "dropout_prob": 0.0,
            "meta_dropout_prob": 0.0,
            "learning_rate": 0.001,
            "partitioned_norm": True,  # as published, and as the slow version has it
            "use_gpu": False,
            **more,
        }
        config = Config("SharedBottom", name, config_dict=options)
        init_seed(1, True)
        loaders = data_preparation(config, create_dataset(config))
        train = loaders[0].dataset
        train.knowledge = fake_knowledge(train)
        return cls(options, train, next(iter(loaders[0]))[:64], name)

    def config(self, model: str, **options: Any) -> Config:
        """The configuration of a model; ``options`` win over the common ones."""
        return Config(model, self.name, config_dict={**self.options, **options})

    def build(self, model: str, **options: Any) -> torch.nn.Module:
        """A model that starts from the same random numbers every time."""
        config = self.config(model, **options)
        init_seed(config["seed"], True)
        return get_model(model)(config, self.train)


def perturb(model: torch.nn.Module, seed: int = 3, size: float = 0.3) -> torch.nn.Module:
    """Move every parameter and every running statistic away from where it starts.

    What is neutral at the start (zeros, ones) would otherwise hide what it is multiplied by.
    """
    random_numbers = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(size * torch.randn(parameter.shape, generator=random_numbers))
        state = model.state_dict()  # leaves the knowledge vectors out, which models share
        for name, buffer in model.named_buffers():
            if name in state and buffer.is_floating_point():  # upwards: variances stay positive
                buffer.add_(size * torch.rand(buffer.shape, generator=random_numbers))
    return model


def rows(batch: Interaction, index: torch.Tensor | list[int]) -> Interaction:
    """Some rows of a batch, in the order given."""
    index = torch.as_tensor(index)
    return Interaction({field: value[index] for field, value in batch.interaction.items()})


def only_scenario(batch: Interaction, scenario_id: int) -> torch.Tensor:
    """Positions of a scenario's rows in a batch."""
    return (batch["scenario"] == scenario_id).nonzero().squeeze(1)


def many_ids(n_ids: int) -> list[torch.Tensor]:
    """Ids below ``n_ids``: shuffled, in order, one that has no memory of its own, and none."""
    shuffled = torch.randint(n_ids, (500,), generator=torch.Generator().manual_seed(0))
    shuffled[0] = n_ids - 1
    return [shuffled, shuffled.sort().values, torch.tensor([1]).expand(7), shuffled[:0]]
