"""What was planted in a simulation, what it is worth, and the files that tell it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from dataset_converters import simulate_world as w

if TYPE_CHECKING:
    from dataset_converters.simulate import Drawn

_READERS = ("oracle", "both_scenarios", "own_scenario")


@dataclass(frozen=True)
class SimulatedTruth:
    """What was planted and what it is worth; also in ``truth.json``.

    Attributes:
        folder: Where the raw files are.
        parameters: The planted numbers.
        auc: Rows of ``scenario``, ``rows`` (which), ``n``, and the AUC of three readers of the
            truth: ``oracle`` (the planted probability), ``both_scenarios`` (what can be known
            from the logs of both: the best a model can reach), ``own_scenario`` (what can be known
            without carrying an interest from one scenario to the other).
    """

    folder: Path
    parameters: dict[str, object]
    auc: list[dict[str, object]]

    def show(self, console: Console) -> None:
        """Print the table that ends a simulation."""
        table = Table(title=f"simulated KuaiSAR in {self.folder}: AUC of readers of the truth")
        for name in self.auc[0]:
            table.add_column(name.replace("_", " "), justify="left" if name == "rows" else "right")
        for row in self.auc:
            table.add_row(*[f"{v:,}" if isinstance(v, int) else _shown(v) for v in row.values()])
        console.print(table)


def _shown(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def truth_frame(log: pl.DataFrame, drawn: Drawn) -> pl.DataFrame:
    """Return the truth of the rows of a log.

    ``user_id``, ``item_id`` and ``timestamp`` (seconds) find a row of the converted data set: rows
    that agree in them agree in their probabilities too.

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
            **{name: getattr(drawn, name).astype(np.float32) for name in _READERS},
        }
    )


def read_by_all(truth: pl.DataFrame, scenario: str) -> list[dict[str, object]]:
    """AUC of the three readers: over all rows, the last tenth of the period, and its crossing."""
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
        for reader in _READERS:
            row[reader] = w.auc(part[reader].to_numpy(), label)
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
        folder: Where to.
        world: The truth.
        search_rows: Rows of the search log.
        recommendation_rows: Rows of the other.
        rows: AUC of the readers, from :func:`read_by_all`.
        scale: As asked for.
        seed: As asked for.

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
