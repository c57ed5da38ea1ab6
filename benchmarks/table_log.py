"""Measure the converter of any log on a generated one: seconds, CPU seconds, peak memory.

python benchmarks/table_log.py --rows 5000000 --folder FOLDER
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl


def draw_log(rows: int, seed: int = 1) -> pl.DataFrame:
    """Draw a log: user, item, scenario, label, time and three further columns."""
    rng = np.random.default_rng(seed)
    columns = {
        "user_id": rng.zipf(1.3, rows) % 200_000,
        "item_id": rng.zipf(1.2, rows) % 100_000,
        "tab": rng.integers(0, 8, rows),
        "is_click": rng.integers(0, 2, rows),
        "time_ms": 1_649_000_000_000 + np.sort(rng.integers(0, 10**9, rows)),
        "is_like": rng.integers(0, 2, rows),
        "play_time_ms": rng.integers(0, 100_000, rows),
        "device": rng.integers(0, 5, rows),
    }
    frame = pl.DataFrame(columns)
    return frame.with_columns(pl.format("v{}", "item_id").alias("item_id"))


def write_files(log: pl.DataFrame, folder: Path) -> list[Path]:
    """Write the log in every format; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ("numbers.csv", "dates.csv", "log.parquet", "log.jsonl")
    numbers, dates, parquet, lines = files = [folder / name for name in names]
    log.write_csv(numbers)
    moment = pl.from_epoch("time_ms", "ms").dt.to_string("%Y-%m-%d %H:%M:%S%.3f")
    log.with_columns(moment).write_csv(dates)
    log.write_parquet(parquet)
    log.write_ndjson(lines)
    return files


def measure(file: Path, output: Path) -> tuple[float, float, float]:
    """Convert a file in a process of its own; return seconds, CPU seconds and peak GiB."""
    words = ["-m", "dataset_converters", "table", "--input", str(file), "--output", str(output)]
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *words, "--overwrite", "--quiet"], stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if status:
        raise SystemExit(f"{' '.join(words)} failed")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--folder", type=Path, required=True, help="for the files; is kept")
    given = parser.parse_args()
    print("| file | size | seconds | CPU seconds | rows per CPU second | peak memory |")
    print("|---|---|---|---|---|---|")
    for file in write_files(draw_log(given.rows), given.folder):
        seconds, cpu, peak = measure(file, given.folder / "out" / "d")
        print(
            f"| {file.name} | {file.stat().st_size >> 20} MiB | {seconds:.1f} | {cpu:.1f} "
            f"| {given.rows / cpu:,.0f} "
            f"| {peak:.2f} GiB, {peak * 2**30 / given.rows:.0f} bytes a row |",
            flush=True,
        )
    print("load average", " ".join(f"{load:.1f}" for load in os.getloadavg()))


if __name__ == "__main__":
    main()
