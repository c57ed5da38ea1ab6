"""Measure the opening of an artefact of the size of KuaiSAR: seconds and memory of a process.

Run by hand, with a folder for data set, checkpoint and artefact; it needs 20 GB of memory::

    python benchmarks/serving_large.py --work=FOLDER

Users, items and the fields of items are as many as in the full release of KuaiSAR; interactions are
few and random, as their number does not change the artefact. One epoch is trained.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import numpy as np
import polars as pl

USERS, ITEMS, ROWS, AUTHORS = 25_877, 6_890_707, 300_000, 400_000

CODE = """
import json, sys, time
start = time.perf_counter()
import polars as pl
from recbole_llm4msr.serving import Scorer
imported = time.perf_counter()
scorer = Scorer.load({folder!r}, verify={verify})
scorer.open_all()
opened = time.perf_counter()
artefact = scorer.artefact
row = {{name: artefact.vocabularies[name].tokens[7:8] for name in (
    artefact.user_field, artefact.item_field)}}
rows = pl.DataFrame({{**row, artefact.scenario_field: artefact.scenarios[:1]}})
scorer.predict(rows)
scored = time.perf_counter()
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
kib = {{name: int(status[name].split()[0]) for name in ("VmHWM", "RssAnon", "RssFile")}}
print(json.dumps({{"open": opened - imported, "first": scored - start, **kib}}))
"""


def write_dataset(folder: Path, n_items: int) -> None:
    """Write the atomic files."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    inter = pl.DataFrame(
        {
            "user_id:token": rng.integers(1, USERS + 1, ROWS),
            "item_id:token": rng.integers(1, n_items + 1, ROWS),
            "scenario:token": np.array(["search", "rec"])[rng.integers(0, 2, ROWS)],
            "label:float": rng.integers(0, 2, ROWS),
            "timestamp:float": np.arange(ROWS),
        }
    )
    items = pl.DataFrame(
        {
            "item_id:token": np.arange(1, n_items + 1),
            "author_id:token": rng.integers(1, AUTHORS, n_items),
            "category:token": rng.integers(1, 60, n_items),
            "title:token_seq": pl.Series(rng.integers(1, 500, n_items)).cast(pl.String),
        }
    )
    name = folder.name
    inter.write_csv(folder / f"{name}.inter", separator="\t")
    items.write_csv(folder / f"{name}.item", separator="\t")
    (folder / f"{name}.yaml").write_text(
        "load_col:\n  inter: [user_id, item_id, scenario, label, timestamp]\n"
        "  item: [item_id, author_id, category]\nitem_text_fields: [title]\n"
    )


def prepare(work: Path, n_items: int) -> Path:
    """The artefact, made where it is not there."""
    artefact = work / "artefact"
    if artefact.exists():
        return artefact
    from recbole_llm4msr import run
    from recbole_llm4msr.serving.export.run import export_checkpoint

    if not (work / "large").exists():
        write_dataset(work / "large", n_items)
    settings = {
        "data_path": str(work),
        "checkpoint_dir": str(work / "saved"),
        "epochs": 1,
        "use_gpu": False,
        "show_progress": False,
        "embedding_optimizer": "deferred_adam",
    }
    if not list((work / "saved").glob("*.pth")):
        run("LLM4MSR_STAR", "large", config_dict=settings, command_line=[])
    export_checkpoint(next((work / "saved").glob("*.pth")), artefact, report=print)
    return artefact


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--artefact", type=Path, help="Measure this one.")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    os.chdir(work)  # RecBole writes logs here
    artefact = options.artefact or prepare(work, options.items)
    size = sum(path.stat().st_size for path in artefact.rglob("*") if path.is_file())
    print(f"{size / 2**20:,.0f} MiB of files")
    for verify in (True, False):
        runs = []
        for _ in range(options.repeats):
            code = CODE.format(folder=str(artefact), verify=verify)
            start = perf_counter()
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
            runs.append({**json.loads(done.stdout), "process": perf_counter() - start})
        found = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        mib = {k: f"{v / 1024:,.0f} MiB" for k, v in found.items() if k[0] in "VR"}
        seconds = {k: f"{v:.2f} s" for k, v in found.items() if k[0] not in "VR"}
        print(f"checksums {verify}: {seconds} {mib}")


if __name__ == "__main__":
    main()
