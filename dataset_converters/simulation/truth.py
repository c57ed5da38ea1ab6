"""Write the planted truth of a simulation, and the AUC that can be reached with it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from dataset_converters.simulation import world as w
from dataset_converters.simulation.auc import auc
from dataset_converters.simulation.drawn import Drawn

_PREDICTORS = ("oracle", "both_scenarios", "own_scenario")


@dataclass(frozen=True)
class SimulatedTruth:
    """The planted numbers and the AUC that can be reached; also in ``truth.json``.

    Attributes:
        folder: Folder of the raw files.
        parameters: The planted numbers.
        auc: Rows of ``scenario``, ``rows`` (which rows), ``n``, and the AUC of three predictors:
            ``oracle`` (the planted probability), ``both_scenarios`` (everything that both logs
            can show: the best that a model can reach), ``own_scenario`` (the same without
            transferring an interest from one scenario to the other).
    """

    folder: Path
    parameters: dict[str, object]
    auc: list[dict[str, object]]

    def show(self, console: Console) -> None:
        """Print the table that ends a simulation."""
        table = Table(title=f"simulated KuaiSAR in {self.folder}: AUC that can be reached")
        for name in self.auc[0]:
            table.add_column(name.replace("_", " "), justify="left" if name == "rows" else "right")
        for row in self.auc:
            table.add_row(*[f"{v:,}" if isinstance(v, int) else _format(v) for v in row.values()])
        console.print(table)


def _format(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def truth_frame(log: pl.DataFrame, drawn: Drawn) -> pl.DataFrame:
    """Return the truth of the rows of a log.

    It can be joined to the converted data set by ``user_id``, ``item_id`` and ``timestamp``
    (seconds): rows that agree in these agree in their probabilities.

    Args:
        log: The rows as written.
        drawn: The same rows as drawn.
    """
    time = "timestamp" if "timestamp" in log.columns else "search_session_timestamp"
    return pl.DataFrame(
        {
            "user_id": log["user_id"].cast(pl.Int32),
            "item_id": log["item_id"].cast(pl.Int32),
            "timestamp": log[time].to_numpy() / 1000,
            "clicked": drawn.clicked,
            "crossing": drawn.crossing,
            "fraction": drawn.fraction.astype(np.float32),
            **{name: getattr(drawn, name).astype(np.float32) for name in _PREDICTORS},
        }
    )


def auc_rows(truth: pl.DataFrame, scenario: str) -> list[dict[str, object]]:
    """Return the AUC of the predictors: all rows, last tenth of the period, its crossing pairs."""
    last = pl.col("fraction") >= 0.9
    kinds = {
        "all": pl.lit(True),
        "last tenth": last,
        "last tenth, crossing": last & pl.col("crossing"),
    }
    rows = []
    for kind, condition in kinds.items():
        part = truth.filter(condition)
        label = part["clicked"].to_numpy()
        row: dict[str, object] = {"scenario": scenario, "rows": kind, "n": part.height}
        for predictor in _PREDICTORS:
            row[predictor] = auc(part[predictor].to_numpy(), label)
        rows.append(row)
    return rows


def write_truth(
    folder: Path,
    world: w.World,
    search_rows: int,
    recommendation_rows: int,
    rows: list[dict[str, object]],
    scale: float | str,
    seed: int,
) -> dict[str, object]:
    """Write ``truth.json``, ``truth_interests.parquet`` and ``SIMULATED.txt``.

    Args:
        folder: Folder to write to.
        world: The planted truth.
        search_rows: Rows of the search log.
        recommendation_rows: Rows of the recommendation log.
        rows: AUC of the predictors, from :func:`auc_rows`.
        scale: Scale of the simulation.
        seed: Seed of the simulation.

    Returns:
        The planted numbers.
    """
    parameters: dict[str, object] = {
        "scale": scale,
        "seed": seed,
        "users": len(world.user_bias),
        "search_rows": search_rows,
        "recommendation_rows": recommendation_rows,
        "videos": len(world.video_id),
        "shared_variance": w.SHARED,
        "strength": w.STRENGTH,
        "pairs_seen_in_one_scenario_first": 2 * w.ONE_SCENARIO_FIRST,
        "switch": w.SWITCH,
        "intercept": dict(zip(w.NAMES, w.INTERCEPT, strict=True)),
    }
    text = json.dumps({"simulated": True, "parameters": parameters, "auc": rows}, indent=2)
    (folder / "truth.json").write_text(text + "\n")
    n_categories = len(w.CATEGORIES)
    seen = np.array([*w.NAMES, "both"])
    pl.DataFrame(
        {
            "user_id": np.repeat(np.arange(1, len(world.user_bias) + 1), n_categories),
            "category": np.tile(np.array(w.CATEGORIES), len(world.user_bias)),
            "shared": world.shared.ravel(),
            "search": world.interest[w.SEARCH].ravel(),
            "recommendation": world.interest[w.RECOMMENDATION].ravel(),
            "first_seen": seen[world.first_seen.ravel()],
        }
    ).write_parquet(folder / "truth_interests.parquet")
    (folder / "SIMULATED.txt").write_text(
        "These files are simulated. They follow the schema of KuaiSAR (arXiv 2306.07705) and hold\n"
        "no row of it. truth.json tells what was planted.\n"
    )
    return parameters
