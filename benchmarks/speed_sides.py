"""One measurement of the speed benchmark, in a process of its own; prints a line of JSON.

``python benchmarks/speed_sides.py FIGURE SIDE --folder DIR [--scale S] [--data DIR]``; called by
``speed.py``, which says what the figures are.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sys
import time
import warnings
from itertools import cycle, islice
from pathlib import Path
from statistics import median

import numpy as np
import recbole.config
import recbole.data
import speed_data
import torch
from recbole.data.interaction import Interaction

from recbole_llm4msr import Config, create_dataset, data_preparation, get_model, get_trainer

#: What all sides have in common, so that only what is measured differs.
COMMON = {
    "embedding_size": 16,
    "mlp_hidden_size": [128, 64, 32],
    "train_batch_size": 4096,
    "eval_batch_size": 16384,
    "use_gpu": False,
    "state": "ERROR",
    "load_col": None,
    "knowledge": "random",
    "eval_args": {
        "split": {"RS": [0.8, 0.1, 0.1]},
        "order": "RO",
        "group_by": None,
        "mode": "labeled",
    },
}


def config_of(model: str, dataset: str, folder: Path, **more) -> Config:
    return Config(model, dataset, config_dict={"data_path": str(folder), **COMMON, **more})


def seconds(work, repeats: int = 1) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - start) / repeats


def load(side: str, args) -> dict:
    """Seconds from files to a data set with ids: ``first``, ``second`` or ``RecBole``."""
    name = speed_data.logs(args.folder, args.scale)
    if side == "RecBole":
        options = {key: COMMON[key] for key in ("use_gpu", "state", "load_col", "eval_args")}
        options |= {"data_path": str(args.folder), "train_neg_sample_args": None}
        config = recbole.config.Config("DeepFM", name, config_dict=options)
        return {"seconds": seconds(lambda: recbole.data.dataset.Dataset(config))}
    config = config_of("STAR", name, args.folder)
    if side == "first":
        shutil.rmtree(args.folder / name / "cache", ignore_errors=True)
    return {"seconds": seconds(lambda: create_dataset(config))}


def scale(side: str, args) -> dict:
    """Steps at the size of KuaiSAR; ``side`` is the model. Peak memory is that of the process."""
    name = speed_data.kuaisar(args.folder, args.scale)
    options = {"embedding_optimizer": "rowwise_adagrad"}
    start = time.perf_counter()
    config = config_of(side, name, args.folder, **options)
    train, *_ = data_preparation(config, create_dataset(config))
    made = time.perf_counter() - start
    step = training_step(config, train, side)
    step(3)
    taken = seconds(lambda: step(50))
    return {"preparation": made, "samples/s": 50 * 4096 / taken, "batches an epoch": len(train)}


def loader(side: str, args) -> dict:
    """Batches a second; ``side`` is ours or RecBole's, then the number of features."""
    whose, n_features = side.split()
    name = speed_data.features(args.folder, int(n_features))
    config = config_of("STAR", name, args.folder, packed_loader=whose == "ours")
    train, *_ = data_preparation(config, create_dataset(config))
    for _ in islice(train, 3):
        pass
    return {"batches/s": len(train) / seconds(lambda: [None for _ in train])}


def training_step(config: Config, train, model_name: str):
    """A function that makes that many steps, as the trainer makes them."""
    torch.manual_seed(0)
    model = get_model(model_name)(config, train.dataset)
    trainer = get_trainer(config["MODEL_TYPE"], model_name)(config, model)
    batches = cycle(list(islice(train, 8)))

    def step(n: int) -> None:
        model.train()
        for batch in islice(batches, n):
            trainer.optimizer.zero_grad()
            model.calculate_loss(batch).backward()
            trainer.optimizer.step()

    return step


def vocabulary(side: str, args) -> dict:
    """Samples a second; ``side`` is a model, a number of ids and an embedding optimiser."""
    model_name, n_ids, optimizer = side.split()
    name = speed_data.vocabulary(args.folder, int(float(n_ids) * args.scale))
    config = config_of(model_name, name, args.folder, embedding_optimizer=optimizer)
    train, *_ = data_preparation(config, create_dataset(config))
    step = training_step(config, train, model_name)
    step(3)
    return {"samples/s": 4096 * 10 / seconds(lambda: step(10))}


def epoch(side: str, args) -> dict:
    """Seconds of an epoch on amazon-bst; ``side`` is a model, and whose loader feeds it."""
    model_name, whose = side.split()
    config = config_of(model_name, "amazon-bst", args.data, **amazon(args, whose == "ours"))
    train, valid, _ = data_preparation(config, create_dataset(config))
    torch.manual_seed(0)
    model = get_model(model_name)(config, train.dataset)
    trainer = get_trainer(config["MODEL_TYPE"], model_name)(config, model)
    trainer._train_epoch(train, 0)
    return {
        "training": seconds(lambda: trainer._train_epoch(train, 1)),
        "evaluation": seconds(lambda: trainer.evaluate(valid, load_best_model=False)),
    }


def amazon(args, packed: bool = True) -> dict:
    """Settings for amazon-bst, whose own file says what is read and how it is split."""
    config = {"load_col": {"inter": ["user_id", "item_id", "scenario", "label"]}}
    config |= {"packed_loader": packed, "knowledge_path": str(args.folder / "knowledge")}
    return config


def twins(side: str, args) -> dict:
    """A step and a scored batch of ``X`` and ``LLM4MSR_X`` in turns; ``side`` is X."""
    taken: dict[str, list[float]] = {}
    works = {}
    for name in (side, f"LLM4MSR_{side}"):
        config = config_of(name, "amazon-bst", args.data, **amazon(args))
        train, valid, _ = data_preparation(config, create_dataset(config))
        step = training_step(config, train, name)
        torch.manual_seed(0)
        model = get_model(name)(config, train.dataset).eval()
        batch = next(iter(valid))[0]
        works[f"{name} training"] = lambda step=step: step(1)
        works[f"{name} evaluation"] = lambda model=model, batch=batch: model.predict(batch)
    for turn in range(13):
        for name, work in works.items():
            with torch.set_grad_enabled("training" in name):
                start = time.process_time()
                work()
            if turn >= 3:
                taken.setdefault(name, []).append(time.process_time() - start)
    found = {name: 1000 * median(values) for name, values in taken.items()}
    for phase in ("training", "evaluation"):
        found[f"{phase} ratio"] = found[f"LLM4MSR_{side} {phase}"] / found[f"{side} {phase}"]
    return found


def serving(side: str, args) -> dict:
    """Milliseconds to score a user's candidates; ``side`` is a model and their number."""
    model_name, n_items = side.split()
    config = config_of(model_name, "amazon-bst", args.data, **amazon(args))
    train, *_ = data_preparation(config, create_dataset(config))
    torch.manual_seed(0)
    model = get_model(model_name)(config, train.dataset).eval()
    draw, taken = torch.Generator().manual_seed(0), []
    with torch.no_grad():
        for _ in range(550):
            items = torch.randint(1, train.dataset.item_num, (int(n_items),), generator=draw)
            user = torch.randint(1, train.dataset.user_num, (1,), generator=draw)
            rows = {"user_id": user.expand_as(items), "item_id": items}
            rows["scenario"] = torch.ones_like(items)
            batch = Interaction(rows)
            taken.append(1000 * seconds(lambda batch=batch: model.predict(batch)))
    p50, p99 = np.percentile(taken[50:], [50, 99])
    return {"p50": float(p50), "p99": float(p99)}


FIGURES = {f.__name__: f for f in (load, scale, loader, vocabulary, epoch, twins, serving)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("figure", choices=FIGURES)
    parser.add_argument("side")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--scale", type=float, default=1.0)
    args = parser.parse_args()
    sys.argv = sys.argv[:1]  # nothing here is configuration
    warnings.simplefilter("ignore")
    found = FIGURES[args.figure](args.side, args)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print("\n" + json.dumps({**found, "peak GiB": peak}))


if __name__ == "__main__":
    main()
