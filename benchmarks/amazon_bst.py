"""Accuracy on three Amazon categories: backbones, RecBole's models, and LLM4MSR by knowledge.

Run by hand: ``python benchmarks/amazon_bst.py --data DIR --output DIR [--llm FOLDER] [NAME ...]``,
where DIR holds ``amazon-bst``. A run whose result is in the output folder is not repeated; the
table of all results there is printed at the end. Figures in ``amazon_bst.md``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

ALL = ("--learning_rate=0.002", "--embedding_size=16", "--epochs=20")
LSA = ("--knowledge=lsa",)
ITEM = ("--item_knowledge=True",)

#: The backbones besides SharedBottom and STAR.
ZOO = (
    "SingleDNN SeparateDNN OMoE MMoE PLE AITM CrossStitch SARNet HMoE EPNet PPNet PEPNet M2M "
    "AdaSparse ADL AdaptDHM HAMUR M3oE APG"
).split()

#: Name of a run: model and settings.
RUNS: dict[str, tuple[str, ...]] = {
    "SharedBottom": ("SharedBottom",),
    "STAR": ("STAR",),
    "STAR, no normalisation": ("STAR", "--partitioned_norm=False"),
    "DeepFM": ("DeepFM",),
    "DCNV2": ("DCNV2",),
    "LLM4MSR_STAR, none": ("LLM4MSR_STAR", "--knowledge=none"),
    "LLM4MSR_STAR, random": ("LLM4MSR_STAR", "--knowledge=random"),
    "LLM4MSR_STAR, MiniLM": ("LLM4MSR_STAR", "--knowledge=transformers", "--llm={llm}"),
    "LLM4MSR_STAR, LSA, K = 1": ("LLM4MSR_STAR", *LSA, "--knowledge_folds=1"),
    "LLM4MSR_STAR, LSA, K = 2": ("LLM4MSR_STAR", *LSA, "--knowledge_folds=2"),
    "LLM4MSR_STAR, LSA, K = 5": ("LLM4MSR_STAR", *LSA, "--knowledge_folds=5"),
    "LLM4MSR_STAR, LSA, items, K = 1": ("LLM4MSR_STAR", *LSA, *ITEM, "--knowledge_folds=1"),
    "LLM4MSR_STAR, LSA, items, K = 2": ("LLM4MSR_STAR", *LSA, *ITEM, "--knowledge_folds=2"),
    "LLM4MSR_STAR, LSA, items, K = 5": ("LLM4MSR_STAR", *LSA, *ITEM, "--knowledge_folds=5"),
    **{
        f"DeepFM, LSA as features, K = {k}": (
            *("DeepFM", *LSA, "--knowledge_features=pca:64", f"--knowledge_folds={k}"),
        )
        for k in (1, 2, 5)
    },
    **{name: (name,) for name in ZOO},
    **{
        f"LLM4MSR_{name}, LSA, K = 1": (f"LLM4MSR_{name}", *LSA, "--knowledge_folds=1")
        for name in ZOO
    },
}


def train(name: str, result: Path, arguments: argparse.Namespace) -> None:
    """Train one run in a process of its own; its log lies beside its result."""
    model, *settings = (part.format(llm=arguments.llm) for part in RUNS[name])
    command = [
        *(sys.executable, "-W", "ignore", "-m", "recbole_llm4msr", f"--model={model}"),
        *("--dataset=amazon-bst", f"--data_path={arguments.data.resolve()}", *ALL, *settings),
        *(f"--knowledge_path={arguments.output.resolve() / 'knowledge'}",),
        *(f"--result_json={result.resolve()}", f"--seed={arguments.seed}"),
    ]
    with result.with_suffix(".log").open("w") as log:
        subprocess.run(command, stdout=log, stderr=log, cwd=arguments.output, check=True)


def row(name: str, result: dict) -> str:
    """A line of the table: test AUC overall and per scenario, epochs, seconds of training."""
    test = result["test_result"]
    aucs = [test["auc"], *(test[f"auc@{scenario}"] for scenario in ("Beauty", "Sports", "Toys"))]
    cells = [f"{auc:.4f}" for auc in aucs]
    cells += [str(result["epochs"]), f"{result['seconds']['training']:.0f}"]
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--llm", help="folder of MiniLM; runs that need it are left out without")
    parser.add_argument("--seed", type=int, default=2020)
    parser.add_argument("names", nargs="*", help="runs; all when left out")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    lines = []
    for name in arguments.names or RUNS:
        result = arguments.output / f"{name} {arguments.seed}.json"
        if not result.exists() and ("--llm={llm}" not in RUNS[name] or arguments.llm):
            train(name, result, arguments)
        if result.exists():
            lines.append(row(name, json.loads(result.read_text())))
            print(lines[-1], flush=True)
    print("\n| run | all rows | Beauty | Sports | Toys | epochs | training, s |")
    print("|---|---|---|---|---|---|---|", *lines, sep="\n")


if __name__ == "__main__":
    main()
