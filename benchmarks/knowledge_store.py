"""Compare loading of 25,877 vectors of 4096 numbers: this store and RecBole's ``.useremb``.

Run by hand: ``python benchmarks/knowledge_store.py ours|run|recbole [--users N]``; each way runs
in its own process, so that its peak memory can be read. The figures are in ``knowledge.md``.
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
    """Wall time, CPU time and peak memory since its construction."""

    def __init__(self) -> None:
        self.memory = self.peak()
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def report(self, name: str, vectors: np.ndarray) -> None:
        """Print time, memory, and shape of the loaded vectors."""
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        print(
            f"{name}: {vectors.shape} {vectors.dtype}, wall {wall:.2f} s, CPU {cpu:.2f} s, "
            f"peak memory {self.memory:.2f} -> {self.peak():.2f} GB"
        )

    @staticmethod
    def peak() -> float:
        """Return the peak memory of this process, in GB."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def ours(folder: Path, users: list[str]) -> None:
    from recbole_llm4msr.knowledge.store.chunks import keys_of
    from recbole_llm4msr.knowledge.store.integrity import RECORD_KEYS
    from recbole_llm4msr.knowledge.store.store import KnowledgeStore

    identity = {"encoder": "benchmark"}
    draw = np.random.default_rng(0)
    shelf = KnowledgeStore(folder).shelf(identity)
    for start in range(0, len(users), 512):
        some = users[start : start + 512]
        vectors = draw.standard_normal((len(some), WIDTH), dtype=np.float32)
        shelf.write(keys_of(some), vectors, dict.fromkeys(RECORD_KEYS, 0))
    for _ in range(3):
        clock = Clock()
        loaded = KnowledgeStore(folder).shelf(identity).read(keys_of(users[::-1]))
        clock.report("ours", loaded)


def run(folder: Path, users: list[str]) -> None:
    """Load vectors as a run does: in the order of the ids, prepared once."""
    from recbole_llm4msr.knowledge.store.integrity import MANIFEST_KEYS, REQUEST_KEYS
    from recbole_llm4msr.knowledge.store.prepared import load_prepared, save_prepared
    from recbole_llm4msr.knowledge.vectors.prepared_vectors import Coverage, PreparedVectors

    draw = np.random.default_rng(0)
    vectors = draw.standard_normal((len(users) + 1, WIDTH), dtype=np.float32).astype(np.float16)
    coverage = Coverage(len(users), 0, 0)
    own = np.ones(len(users) + 1, bool)
    made = PreparedVectors(vectors, vectors[:2], None, None, own, coverage, 1.0)
    files = folder / "k.safetensors", folder / "k.json"
    manifest = {
        **dict.fromkeys(MANIFEST_KEYS - {"file_crc32"}, 0),
        "coverage": vars(coverage),
        "explained_variance": 1.0,
        "request": dict.fromkeys(REQUEST_KEYS),
    }
    save_prepared(*files, made, manifest)
    del vectors, made
    for _ in range(3):
        clock = Clock()
        loaded, _ = load_prepared(*files)
        loaded.user.view(np.int16).max()  # reads every page
        clock.report("run", loaded.user)


def recbole(folder: Path, users: list[str]) -> None:
    from recbole.config import Config
    from recbole.data import create_dataset

    import recbole_llm4msr  # noqa: F401 (makes RecBole 1.2.1 run on this numpy)

    name = "load"
    (folder / name).mkdir()
    draw = np.random.default_rng(0)
    with (folder / name / f"{name}.inter").open("w") as file:
        file.write("user_id:token\titem_id:token\tlabel:float\n")
        file.writelines(f"{user}\ti{row % 50}\t{row % 2}\n" for row, user in enumerate(users))
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
    loaded = dataset.get_preload_weight("uid")
    clock.report("recbole", loaded)


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
