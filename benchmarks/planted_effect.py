"""Measure how much of the interest planted in simulated KuaiSAR the models of a study learn.

Run by hand: ``python benchmarks/planted_effect.py RESULTS RAW``, where RESULTS is the folder of a
study of simulated data (runs and predictions) and RAW the folder of the simulator. Test rows are
separated into those where the user's interest in their category shows only in the other scenario
(crossing) and the others; the readers of the truth are scored on the same rows. The figures are in
``RESULTS.md``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import fmean, stdev

import polars as pl
from sklearn.metrics import roc_auc_score

from recbole_llm4msr.evaluation.benchmark import by_label, read_runs

READERS = ("own_scenario", "both_scenarios", "oracle")
KEY = ("scenario", "user", "item")


def truth(raw: Path) -> pl.DataFrame:
    """Return the scores by the truth for the late rows, one row per user, item and scenario."""
    parts = []
    for scenario in ("search", "recommendation"):
        rows = pl.read_parquet(raw / f"truth_{scenario}.parquet").filter(pl.col("fraction") >= 0.8)
        parts.append(
            rows.select(
                pl.lit(scenario).alias("scenario"),
                pl.col("user_id").cast(pl.String).alias("user"),
                pl.col("item_id").cast(pl.String).alias("item"),
                (pl.col("both_scenarios") != pl.col("own_scenario")).alias("crossing"),
                *READERS,
            ).unique(KEY, keep="last", maintain_order=True)
        )
    return pl.concat(parts)


def aucs(rows: pl.DataFrame, score: str) -> dict[str, float]:
    """Return AUC of a column of scores per scenario, on crossing rows and on the others."""
    return {
        f"{scenario}, {'crossing' if crossing else 'other'}": roc_auc_score(
            part["label"], part[score]
        )
        for (scenario, crossing), part in sorted(rows.group_by("scenario", "crossing"))
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="folder of the study's runs")
    parser.add_argument("raw", type=Path, help="folder that the simulator wrote")
    arguments = parser.parse_args()
    known = truth(arguments.raw)
    runs = [run for run in read_runs(arguments.results / "runs.jsonl") if run.phase == "final"]
    table, marks = {}, {}
    for label, own in by_label(runs).items():
        per_run = []
        for run in own:
            rows = pl.read_parquet(arguments.results / run.predictions)
            rows = rows.join(known, on=KEY, how="inner", maintain_order="left")
            per_run.append(aucs(rows, "score"))
            marks = marks or {reader: aucs(rows, reader) for reader in READERS}
        table[label] = {place: [run_aucs[place] for run_aucs in per_run] for place in per_run[0]}
    places = list(next(iter(marks.values())))
    print("| run |", " | ".join(places), "|")
    print("|---|", "---|" * len(places), sep="")
    for label, scores in table.items():
        cells = [
            f"{fmean(s):.4f}" + (f" ± {stdev(s):.4f}" if len(s) > 1 else "")
            for s in scores.values()
        ]
        print("|", " | ".join([label, *cells]), "|")
    for reader, scores in marks.items():
        cells = [f"{score:.4f}" for score in scores.values()]
        print("|", " | ".join([f"truth: {reader.replace('_', ' ')}", *cells]), "|")


if __name__ == "__main__":
    main()
