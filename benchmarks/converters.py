"""Compare the KuaiSAR converter with plain pandas: seconds, peak memory, same output.

Run by hand::

    python benchmarks/converters.py --scale full --work /path/with/8GB

Each job runs in its own process, so that its peak memory can be read.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path


def with_pandas(raw: Path, output: Path) -> None:
    """Write the same files with plain pandas: read whole tables, filter, write."""
    import pandas as pd

    output.mkdir(parents=True)
    search = pd.read_csv(raw / "src_inter.csv")
    search = search[search["item_type"].isin(["VIDEO", "IMAGE_ATLAS"])]
    search = pd.DataFrame(
        {
            "user_id": search["user_id"],
            "item_id": search["item_id"],
            "scenario": "search",
            "label": (search["click_cnt"] > 0).astype(int),
            "timestamp": search["search_session_timestamp"] / 1000,
        }
    )
    shown = pd.read_csv(raw / "rec_inter.csv")
    shown = pd.DataFrame(
        {
            "user_id": shown["user_id"],
            "item_id": shown["item_id"],
            "scenario": "recommendation",
            "label": shown["click"],
            "timestamp": shown["timestamp"] / 1000,
        }
    )
    inter = pd.concat([search, shown])
    kinds = ["token", "token", "token", "float", "float"]
    _save(inter, output / "k.inter", kinds)
    users = pd.read_csv(raw / "user_features.csv")
    users = users[users["user_id"].isin(inter["user_id"])]
    users = users.rename(columns={"reco_active_level": "rec_active_level"})
    _save(users, output / "k.user", ["token"] * 5)
    items = pd.read_csv(raw / "item_features.csv", keep_default_na=False)
    items = items[items["item_id"].isin(inter["item_id"])].drop_duplicates("item_id")
    levels = ["first", "second", "third", "fourth"]
    ids = [f"{level}_level_category_id" for level in levels]
    texts = [f"{level}_level_category_name_en" for level in levels]
    for name in (*ids, *texts, *(["music_id"] if "music_id" in items else [])):
        text = items[name].astype(str)
        items[name] = text.where(~text.isin(["0", "empty", "空"]), "")
    head = ["item_id", "author_id", "item_type", "upload_type"]
    head += ["music_id"] if "music_id" in items else []
    kinds = ["token"] * (len(head) + 4) + ["token_seq"] * 4
    _save(items[[*head, *ids, *texts]], output / "k.item", kinds)


def _save(frame, path: Path, kinds: list[str]) -> None:
    header = [f"{name}:{kind}" for name, kind in zip(frame.columns, kinds, strict=True)]
    frame.to_csv(path, sep="\t", index=False, header=header)


def with_converter(raw: Path, output: Path) -> None:
    """Run the converter with its defaults."""
    from dataset_converters.kuaisar import convert_kuaisar

    convert_kuaisar(raw, output)


def simulate(scale: str, output: Path) -> None:
    """Simulate the raw files of both jobs."""
    from dataset_converters.simulate import simulate_kuaisar

    simulate_kuaisar(output, scale=scale)


def measure(job: str, *arguments: object) -> str:
    """Run one job in its own process; return a row of the table."""
    command = [sys.executable, __file__, "--job", job, *map(str, arguments)]
    start = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"{job} failed with status {status}")
    peak = usage.ru_maxrss / 2**20 if sys.platform != "darwin" else usage.ru_maxrss / 2**30
    busy = usage.ru_utime + usage.ru_stime
    return f"| {job} | {seconds:.1f} | {busy:.1f} | {peak:.2f} |"


def same(one: Path, other: Path) -> bool:
    """Return whether both jobs wrote the same bytes."""
    digests = []
    for folder in (one, other):
        files = [folder / f"k.{suffix}" for suffix in ("inter", "user", "item")]
        digests.append([_digest(path) for path in files])
    return digests[0] == digests[1]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> None:
    """Measure every job once and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", default="0.05", help="as for the simulator; small or full")
    parser.add_argument("--work", type=Path, default=Path("benchmark-converters"))
    parser.add_argument("--without-pandas", action="store_true")
    parser.add_argument("--without-zip", action="store_true")
    parser.add_argument("--job", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        name, source, output = options.job
        if name == "simulator":
            simulate(source, Path(output))
        else:
            run = with_pandas if name == "pandas" else with_converter
            run(Path(source), Path(output))
        return
    raw, work = options.work / "raw", options.work
    rows, before = [], os.getloadavg()[0]
    if not raw.exists():
        rows.append(measure("simulator", options.scale, raw))
    for job in ("converter", *([] if options.without_pandas else ["pandas"])):
        shutil.rmtree(work / job, ignore_errors=True)
        rows.append(measure(job, raw, work / job / "k"))
    if not options.without_zip:
        archive = work / "raw.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
            for path in sorted(raw.glob("*.csv")):
                file.write(path, path.name)
        shutil.rmtree(work / "zip", ignore_errors=True)
        rows.append(measure("converter, zip", archive, work / "zip" / "k"))
    print(f"{time.strftime('%Y-%m-%d')}, scale {options.scale}, Python {platform.python_version()}")
    print(
        f"{os.cpu_count()} cores; load average {before:.1f} before, {os.getloadavg()[0]:.1f} after"
    )
    print("\n| job | seconds | CPU seconds | peak GiB |\n|---|---|---|---|")
    print("\n".join(rows))
    if not options.without_pandas:
        agree = same(work / "converter" / "k", work / "pandas" / "k")
        print(f"\nconverter and pandas wrote the same bytes: {agree}")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
