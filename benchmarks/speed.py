"""Measure the figures of the speed benchmark and print them as one table.

Run by hand: ``python benchmarks/speed.py --output DIR [--data DIR] [--only NAME ...]``. Each
measurement runs in its own process; a finished one is not repeated. The figures are explained in
``speed.md``.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from speed.campaign import Campaign
from speed.child import Limits
from speed.clock import memory_gib
from speed.figure import Figure, Settings
from speed.figures import FIGURES
from speed.table import machines, profile_list, table


def run_job(job: dict[str, Any], result: Path) -> None:
    """Prepare a figure, or measure one of its cases, in a child process."""
    figure = FIGURES[job["figure"]]
    settings = Settings(**{**job["settings"], "backbones": tuple(job["settings"]["backbones"])})
    if job["parameters"] is None:
        content = {"prepared": figure.prepare(settings)}
    else:
        content = figure.measure(settings, job["parameters"])
    result.write_text(json.dumps(content), encoding="utf-8")


def parser() -> argparse.ArgumentParser:
    """Make the parser of the command line."""
    figures = "\n".join(f"  {figure.name:<11} {figure.title}" for figure in FIGURES.values())
    made = argparse.ArgumentParser(
        description=__doc__,
        epilog=f"figures:\n{figures}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("--output", type=Path, help="folder of generated data, results and logs")
    add("--only", nargs="+", metavar="NAME", choices=list(FIGURES), help="figures to measure (all)")
    add("--repeats", type=int, default=5, help="measurements per case (%(default)s)")
    add(
        *("--scale",),
        choices=["small", "full"],
        default="full",
        help="small tests in minutes that everything runs; its numbers mean nothing",
    )
    add("--data", type=Path, help="folder that holds amazon-bst, for the figures that need it")
    add(
        "--steps",
        type=int,
        help="training steps to time; 0 for a whole epoch, if the figure has one",
    )
    add(
        "--backbones",
        nargs="+",
        default=[],
        metavar="NAME",
        help="backbones of the figure `backbones` (all)",
    )
    add(
        "--profile",
        action="store_true",
        help="also list the operations that take most time in a step",
    )
    add(
        *("--memory-limit",),
        type=float,
        default=round(0.8 * memory_gib(), 1),
        metavar="GIB",
        help="a measurement that needs more is stopped, and the table says so (%(default)s)",
    )
    add(
        *("--time-limit",),
        type=float,
        default=3600,
        metavar="SECONDS",
        help="a measurement that takes longer is stopped, and the table says so (%(default)s)",
    )
    add("--job", help=argparse.SUPPRESS)
    add("--result", type=Path, help=argparse.SUPPRESS)
    return made


def select_figures(arguments: argparse.Namespace) -> list[Figure]:
    """Return the figures of ``--only``; without it all whose data are there."""
    names = arguments.only or list(FIGURES)
    figures = [FIGURES[name] for name in FIGURES if name in names]
    if arguments.data is not None:
        if not (arguments.data / "amazon-bst").is_dir():
            parser().error(f"--data={arguments.data}: no folder amazon-bst in it")
        return figures
    lost = ", ".join(figure.name for figure in figures if figure.needs_data)
    if lost and arguments.only:
        parser().error(f"{lost}: measured on amazon-bst; --data=DIR says which folder holds it")
    if lost:
        print(f"{lost}: left out, they are measured on amazon-bst (--data)", flush=True)
    return [figure for figure in figures if not figure.needs_data]


def main() -> None:
    arguments = parser().parse_args()
    if arguments.job:
        sys.argv = sys.argv[:1]  # RecBole reads the command line too
        run_job(json.loads(arguments.job), arguments.result)
        return
    if arguments.output is None:
        parser().error("--output: give a folder for data, results and logs")
    settings = Settings(
        scale=arguments.scale,
        output=str((arguments.output / arguments.scale).resolve()),
        data=None if arguments.data is None else str(arguments.data.resolve()),
        steps=arguments.steps,
        backbones=tuple(arguments.backbones),
    )
    figures = select_figures(arguments)
    limits = Limits(arguments.memory_limit, arguments.time_limit)
    campaign = Campaign(figures, settings, arguments.repeats, limits, arguments.profile)
    try:
        campaign.run()
    except KeyboardInterrupt:
        sys.exit("\nstopped; the same command continues from here")
    results = {figure: campaign.results(figure) for figure in figures}
    rows = [
        (f.name, row) for f, result in results.items() if result.cases for row in f.rows(result)
    ]
    text = f"{table(rows)}\n\n{machines(campaign.machines(), settings.scale, arguments.repeats)}\n"
    (Path(settings.output) / "table.md").write_text(text, encoding="utf-8")
    print(f"\n{text}")
    lists = [
        profile_list(f"{figure.name}, {case}, {what}", profile)
        for figure in figures
        for case, profiles in campaign.profiles(figure).items()
        for what, profile in profiles.items()
    ]
    if lists:
        file = Path(settings.output) / "profile.md"
        file.write_text("\n".join(lists), encoding="utf-8")
        print(f"profiles: {file}")
    if campaign.failures:
        sys.exit("failed:\n" + "\n".join(campaign.failures))


if __name__ == "__main__":
    main()
