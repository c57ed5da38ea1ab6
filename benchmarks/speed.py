"""The speed benchmark: one command that measures every figure and prints one table.

Run by hand: ``python benchmarks/speed.py --output DIR [--data DIR] [--only NAME ...]``. Each
measurement is a process of its own; one that is finished is not repeated. What the figures mean is
in ``speed.md``.
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


def do(job: dict[str, Any], result: Path) -> None:
    """What a child process does: prepare a figure, or measure one case of it."""
    figure = FIGURES[job["figure"]]
    settings = Settings(**{**job["settings"], "backbones": tuple(job["settings"]["backbones"])})
    if job["parameters"] is None:
        found = {"prepared": figure.prepare(settings)}
    else:
        found = figure.measure(settings, job["parameters"])
    result.write_text(json.dumps(found), encoding="utf-8")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    figures = "\n".join(f"  {figure.name:<11} {figure.title}" for figure in FIGURES.values())
    made = argparse.ArgumentParser(
        description=__doc__,
        epilog=f"figures:\n{figures}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("--output", type=Path, help="folder of the data that is made, results and logs")
    add("--only", nargs="+", metavar="NAME", choices=list(FIGURES), help="these figures, not all")
    add("--repeats", type=int, default=5, help="how often every case is measured (%(default)s)")
    add(
        *("--scale",),
        choices=["small", "full"],
        default="full",
        help="small shows in minutes that everything runs; its numbers say nothing",
    )
    add("--data", type=Path, help="folder that holds amazon-bst; figures that need it ask for it")
    add("--steps", type=int, help="training steps to time, 0 for an epoch where the figure has one")
    add("--backbones", nargs="+", default=[], metavar="NAME", help="of the figure backbones")
    add("--profile", action="store_true", help="also list what takes the time in a step")
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


def chosen(arguments: argparse.Namespace) -> list[Figure]:
    """The figures that were asked for; without ``--only`` those that can be had."""
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
        do(json.loads(arguments.job), arguments.result)
        return
    if arguments.output is None:
        parser().error("--output: say where data, results and logs go")
    settings = Settings(
        scale=arguments.scale,
        output=str((arguments.output / arguments.scale).resolve()),
        data=None if arguments.data is None else str(arguments.data.resolve()),
        steps=arguments.steps,
        backbones=tuple(arguments.backbones),
    )
    figures = chosen(arguments)
    limits = Limits(arguments.memory_limit, arguments.time_limit)
    campaign = Campaign(figures, settings, arguments.repeats, limits, arguments.profile)
    try:
        campaign.run()
    except KeyboardInterrupt:
        sys.exit("\nbroken off; the same command goes on from here")
    results = {figure: campaign.results(figure) for figure in figures}
    rows = [(f.name, row) for f, found in results.items() if found.cases for row in f.rows(found)]
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
