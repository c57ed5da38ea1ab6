"""Loading 25,877 vectors of 4096 numbers: this store against RecBole's own ``.useremb`` path.

Run by hand: ``python benchmarks/knowledge_store.py ours|run|recbole [--users N]``; each way runs in
a process of its own, so that its peak memory is its own. Figures in ``knowledge.md``.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

WIDTH = 4096


class Clock:
    """Wall time, CPU time and peak memory of a piece of work."""

    def __init__(self) -> None:
        self.memory = self.peak()
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def tell(self, name: str, found: np.ndarray) -> None:
        """Print what it took."""
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        print(
            f"{name}: {found.shape} {found.dtype}, wall {wall:.2f} s, CPU {cpu:.2f} s, "
            f"peak memory {self.memory:.2f} -> {self.peak():.2f} GB"
        )

    @staticmethod
    def peak() -> float:
        """Return the largest memory this process has had, in GB."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def ours(folder: Path, users: list[str]) -> None:
    from recbole_llm4msr.knowledge.store.chunks import KnowledgeStore, keys_of

    identity = {"encoder": "benchmark"}
    draw = np.random.default_rng(0)
    shelf = KnowledgeStore(folder).shelf(identity)
    for at in range(0, len(users), 512):
        some = users[at : at + 512]
        vectors = draw.standard_normal((len(some), WIDTH), dtype=np.float32)
        shelf.write(keys_of(some), vectors, {"prompts": len(some), "tokens": 0, "seconds": 0})
    for _ in range(3):
        clock = Clock()
        found = KnowledgeStore(folder).shelf(identity).read(keys_of(users[::-1]))
        clock.tell("ours", found)


def run(folder: Path, users: list[str]) -> None:
    """What a run loads: the vectors in the order of the ids, prepared once."""
    from recbole_llm4msr.knowledge.store.prepared import load_prepared, save_prepared
    from recbole_llm4msr.knowledge.vectors.knowledge import Coverage, PreparedVectors

    draw = np.random.default_rng(0)
    vectors = draw.standard_normal((len(users) + 1, WIDTH), dtype=np.float32).astype(np.float16)
    coverage = Coverage(len(users), 0, 0)
    own = np.ones(len(users) + 1, bool)
    made = PreparedVectors(vectors, vectors[:2], None, None, own, coverage, 1.0)
    files = folder / "k.safetensors", folder / "k.json"
    save_prepared(*files, made, {"coverage": vars(coverage), "explained_variance": 1.0})
    del vectors, made
    for _ in range(3):
        clock = Clock()
        found, _ = load_prepared(*files)
        found.user.view(np.int16).max()  # every page has been read now
        clock.tell("run", found.user)


def recbole(folder: Path, users: list[str]) -> None:
    from recbole.config import Config
    from recbole.data import create_dataset

    import recbole_llm4msr  # noqa: F401 (makes RecBole 1.2.1 run on this numpy)

    name = "load"
    (folder / name).mkdir()
    draw = np.random.default_rng(0)
    with (folder / name / f"{name}.inter").open("w") as file:
        file.write("user_id:token\titem_id:token\tlabel:float\n")
        file.writelines(f"{user}\ti{at % 50}\t{at % 2}\n" for at, user in enumerate(users))
    with (folder / name / f"{name}.useremb").open("w") as file:
        file.write("uid:token\tuser_emb:float_seq\n")
        for user in users:
            vector = draw.standard_normal(WIDTH, dtype=np.float32)
            file.write(f"{user}\t{' '.join(np.char.mod('%.5g', vector))}\n")
    config = Config(
        "BPR",
        name,
        config_dict={
            "data_path": str(folder),
            "additional_feat_suffix": ["useremb"],
            "load_col": {"inter": ["user_id", "item_id", "label"], "useremb": ["uid", "user_emb"]},
            "alias_of_user_id": ["uid"],
            "preload_weight": {"uid": "user_emb"},
        },
    )
    clock = Clock()
    dataset = create_dataset(config)
    found = dataset.get_preload_weight("uid")
    clock.tell("recbole", found)


WAYS = {"ours": ours, "run": run, "recbole": recbole}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("way", choices=list(WAYS))
    parser.add_argument("--users", type=int, default=25_877)
    arguments = parser.parse_args()
    users = [f"u{n}" for n in range(arguments.users)]
    with tempfile.TemporaryDirectory() as folder:
        WAYS[arguments.way](Path(folder), users)


if __name__ == "__main__":
    main()
