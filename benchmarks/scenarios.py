"""Compare a training step with ten scenarios and with two.

Run by hand: ``python benchmarks/scenarios.py [NAME ...] [--repeats 15] [--threads 1]``. Both models
of a pair take turns in one process; times are medians. The figures are in ``scenarios.md``.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import warnings
from pathlib import Path
from statistics import median

import numpy as np
import torch

from recbole_llm4msr import Config, create_dataset, data_preparation, get_model
from recbole_llm4msr.model import registered_models

ROWS, BATCH, WIDTH = 20_000, 4096, 16


def write_data(folder: Path, n_scenarios: int) -> str:
    """Write rows of six token fields and ``n_scenarios`` equal scenarios; return the name."""
    name = f"scenarios{n_scenarios}"
    (folder / name).mkdir()
    draw = np.random.default_rng(0)
    fields = [f"f{i}" for i in range(4)]
    columns = [draw.integers(0, 5000, ROWS) for _ in range(2)]
    columns += [draw.integers(0, 100, ROWS) for _ in fields]
    columns += [np.arange(ROWS) % n_scenarios, draw.integers(0, 2, ROWS)]
    head = ["user_id:token", "item_id:token", *(f"{f}:token" for f in fields)]
    head += ["scenario:token", "label:float"]
    lines = ["\t".join(head), *("\t".join(map(str, row)) for row in zip(*columns, strict=True))]
    (folder / name / f"{name}.inter").write_text("\n".join(lines) + "\n")
    return name


def step_of(model_name: str, dataset: str, folder: Path):
    """Return a function that makes one training step, Adam's update included."""
    settings = {
        "data_path": str(folder),
        "embedding_size": WIDTH,
        "knowledge": "random",
        "train_batch_size": BATCH,
        "load_col": None,
        "use_gpu": False,
        "state": "ERROR",
    }
    config = Config(model_name, dataset, config_dict=settings, command_line=[])
    train, *_ = data_preparation(config, create_dataset(config))
    torch.manual_seed(0)
    model = get_model(model_name)(config, train.dataset).train()
    optimizer = torch.optim.Adam(model.parameters())
    batch = next(iter(train))

    def step() -> None:
        optimizer.zero_grad()
        model.calculate_loss(batch).backward()
        optimizer.step()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="models; all backbones when left out")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    warnings.simplefilter("ignore", FutureWarning)
    backbones = [name for name in registered_models() if not name.startswith("LLM4MSR_")]
    names = arguments.names or [*backbones, "LLM4MSR_STAR"]
    print("| model | 2 scenarios, ms | 10 scenarios, ms | ratio |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # RecBole writes its logs there
        data = [write_data(Path(folder), n) for n in (2, 10)]
        for name in names:
            steps = [step_of(name, dataset, Path(folder)) for dataset in data]
            times: tuple[list[float], list[float]] = ([], [])
            for turn in range(arguments.repeats + 3):
                for step, taken in zip(steps, times, strict=True):
                    start = time.process_time()
                    step()
                    if turn >= 3:  # the first ones warm up
                        taken.append(1000 * (time.process_time() - start))
            few, many = map(median, times)
            print(f"| {name} | {few:.1f} | {many:.1f} | {many / few:.2f} |", flush=True)


if __name__ == "__main__":
    main()
