"""Compare a build that was killed and resumed with an uninterrupted one, byte by byte.

Run by hand: ``python benchmarks/knowledge_build.py --data DIR --llm FOLDER [--users N]``, where DIR
holds ``amazon-bst``. The figures are in ``knowledge.md``.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

INTER = ["user_id:token", "item_id:token", "scenario:token", "label:float", "timestamp:float"]


def copy_first_users(data: Path, users: int, folder: Path) -> None:
    """Copy the data set with the rows of its first users only."""
    name = "amazon-bst"
    (folder / name).mkdir(parents=True)
    for suffix in ("item", "scenario", "yaml"):
        (folder / name / f"{name}.{suffix}").write_bytes(
            (data / name / f"{name}.{suffix}").read_bytes()
        )
    kept: pl.Series | None = None
    for split in ("train", "valid", "test"):
        file = f"{name}.{split}.inter"
        rows = pl.read_csv(data / name / file, separator="\t", infer_schema=False)
        if kept is None:
            kept = rows["user_id:token"].unique(maintain_order=True).head(users)
        rows = rows.filter(pl.col("user_id:token").is_in(kept.implode()))
        rows.select(INTER).write_csv(folder / name / file, separator="\t")


def chunks(store: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in store.rglob("vectors/*/*.safetensors")
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--llm", required=True)
    parser.add_argument("--users", type=int, help="first users of the file; all when left out")
    parser.add_argument("--chunk", type=int, default=131072)
    parser.add_argument("--keep", type=Path, help="folder in which the uninterrupted build is kept")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        data = arguments.data
        if arguments.users:
            data = folder / "data"
            copy_first_users(arguments.data, arguments.users, data)

        whole_store = arguments.keep or folder / "whole"
        killed_store = folder / "killed"

        def start(store: Path) -> subprocess.Popen:
            return subprocess.Popen(
                [
                    *[sys.executable, "-W", "ignore", "-m", "recbole_llm4msr"],
                    *["knowledge", "build", "--dataset=amazon-bst", f"--data_path={data}"],
                    *[f"--llm={arguments.llm}", f"--knowledge_path={store}"],
                    f"--knowledge_chunk_tokens={arguments.chunk}",
                ]
            )

        begun = time.perf_counter()
        assert start(whole_store).wait() == 0
        wall = time.perf_counter() - begun
        cpu = resource.getrusage(resource.RUSAGE_CHILDREN)
        whole = chunks(whole_store)
        print(f"uninterrupted: {wall:.0f} s wall, {cpu.ru_utime + cpu.ru_stime:.0f} s CPU")
        process = start(killed_store)
        while len(chunks(killed_store)) < len(whole) / 2:
            assert process.poll() is None
            time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
        process.wait()
        half = chunks(killed_store)
        print(f"killed with {len(half)} of {len(whole)} chunks")
        assert start(killed_store).wait() == 0
        killed = chunks(killed_store)
        assert killed == whole, "the resumed build differs"
        print(f"resumed: all {len(killed)} chunks have the same bytes as those of the whole build")


if __name__ == "__main__":
    main()
