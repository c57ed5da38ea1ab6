"""Speed of loading, feeding, training, evaluating and serving, beside RecBole in the same run.

Run by hand: ``python benchmarks/speed.py --output DIR [--data DIR] [--repeats 5] [FIGURE ...]``,
where ``--data`` holds ``amazon-bst``. Every measurement is a process of its own; the sides of a
figure take turns; a measurement whose result is in the output folder is not repeated. ``--scale
0.01`` is for trying it out. Figures in ``speed.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

from recbole_llm4msr.model import registered_models

#: Sides of each figure, in the order in which they take turns.
SIDES: dict[str, list[str]] = {
    "load": ["first", "second", "RecBole"],
    "scale": ["STAR", "LLM4MSR_STAR"],
    "loader": [f"{whose} {n}" for n in (5, 20, 40) for whose in ("ours", "RecBole")],
    "vocabulary": [
        f"{model} {ids} {optimizer}"
        for ids in ("1e5", "1e6", "1e7")
        for model, optimizer in (
            ("STAR", "rowwise_adagrad"),
            ("LLM4MSR_STAR", "rowwise_adagrad"),
            ("STAR", "sparse_adam"),
            ("STAR", "dense"),
            ("DeepFM", "dense"),
            ("DCNV2", "dense"),
        )
    ],
    "epoch": ["STAR ours", "LLM4MSR_STAR ours", "DeepFM ours", "DeepFM RecBole"],
    "twins": [name for name in registered_models() if not name.startswith("LLM4MSR_")],
    "serving": [f"{model} {n}" for n in (100, 1000) for model in ("STAR", "LLM4MSR_STAR")],
}


def measure(figure: str, side: str, args: argparse.Namespace) -> dict:
    """Run one measurement in a process of its own, in the output folder."""
    command = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("speed_sides.py"))]
    command += [figure, side, f"--folder={args.output.resolve()}", f"--scale={args.scale}"]
    if args.data is not None:
        command.append(f"--data={args.data.resolve()}")
    environment = {**os.environ, "OMP_NUM_THREADS": str(args.threads)}
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=args.output, env=environment, check=False
    )
    if done.returncode:
        sys.exit(f"{figure}, {side}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=", ".join(SIDES))
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="folder of amazon-bst")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    results = args.output / f"speed-{args.scale:g}.json"
    found = json.loads(results.read_text()) if results.is_file() else {}
    figures = args.figures or list(SIDES)
    todo = [
        (figure, side)
        for turn in range(args.repeats)
        for figure in figures
        for side in SIDES[figure]
        if len(found.get(f"{figure}, {side}", [])) <= turn
    ]
    start = perf_counter()
    for done, (figure, side) in enumerate(todo, start=1):
        found.setdefault(f"{figure}, {side}", []).append(measure(figure, side, args))
        results.write_text(json.dumps(found, indent=1))
        left = (perf_counter() - start) / done * (len(todo) - done)
        print(f"{done}/{len(todo)} {figure}, {side}; about {left / 60:.0f} min left", flush=True)
    print("\n| figure | side | median | runs |\n|---|---|---|---|")
    for key, runs in found.items():
        figure, side = key.split(", ", 1)
        if figure in figures:
            values = {name: median(run[name] for run in runs) for name in runs[0]}
            texts = ", ".join(f"{name} {value:,.4g}" for name, value in values.items())
            print(f"| {figure} | {side} | {texts} | {len(runs)} |")


if __name__ == "__main__":
    main()
