"""Try what happens to killed, damaged, concurrent, limited and hostile runs; print a table.

    python tests/campaign.py --output results.json
    python tests/campaign.py --kinds killed,damaged --count 10

The test suite does not run it: 50 kills of every command take over an hour on two cores.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import sys
import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
if __name__ == "__main__":
    sys.path[0] = str(ROOT)
    os.environ.update(OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1")

from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from recbole_llm4msr.util.atomic_write import atomic_write  # noqa: E402
from tests.fresh_process import ForkServer  # noqa: E402
from tests.reliability import damaged, folders, hostile, killed, servers, together  # noqa: E402
from tests.reliability.child import PREAMBLE  # noqa: E402
from tests.reliability.commands import Commands  # noqa: E402
from tests.reliability.trials import Outcome, run_trials  # noqa: E402
from tests.reliability.workplace import Workplace  # noqa: E402

KINDS = {
    "killed": killed.trials,
    "together": together.trials,
    "damaged": damaged.trials,
    "folders": folders.trials,
    "servers": servers.trials,
    "hostile": hostile.trials,
}


def main() -> int:
    options = _options()
    console = Console()
    with (
        tempfile.TemporaryDirectory(prefix="campaign-", ignore_cleanup_errors=True) as scratch,
        ForkServer(PREAMBLE) as server,
    ):
        root = Path(options.keep or scratch).absolute()
        root.chmod(0o755)
        place = Workplace(root, server, options.seed)
        commands = Commands(place)
        planned = [
            trial
            for kind in options.kinds
            for trial in KINDS[kind](place, commands, options.count)
            if not options.subjects or trial.subject in options.subjects
        ]
        outcomes = run_trials(planned, console, lambda done: _write(options, done))
    console.print(_table(outcomes))
    if options.output:
        console.print(f"wrote {options.output}")
    return int(any(one.fault for one in outcomes))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", type=lambda text: text.split(","), default=list(KINDS),
                        help=f"kinds of trials: {', '.join(KINDS)}")  # fmt: skip
    parser.add_argument("--subjects", type=lambda text: text.split(","),
                        help="only these rows of the table")  # fmt: skip
    parser.add_argument("--count", type=int, default=50, help="kills of each command; others less")
    parser.add_argument("--seed", type=int, default=0, help="seed of moments, places and bits")
    parser.add_argument("--output", type=Path, help="JSON file of all results")
    parser.add_argument("--keep", help="an empty folder to work in, where failed trials are kept")
    options = parser.parse_args()
    unknown = set(options.kinds) - set(KINDS)
    if unknown:
        parser.error(f"--kinds: {min(unknown)!r} is not one of {', '.join(KINDS)}")
    return options


def _table(outcomes: list[Outcome]) -> Table:
    table = Table(title="Trials")
    for name, side in (("kind", "left"), ("subject", "left"), ("trials", "right"),
                       ("held", "right")):  # fmt: skip
        table.add_column(name, justify=side)
    tried = Counter((one.kind, one.subject) for one in outcomes)
    held = Counter((one.kind, one.subject) for one in outcomes if not one.fault)
    for row, count in tried.items():
        style = None if held[row] == count else "red"
        table.add_row(*row, str(count), str(held[row]), style=style)
    table.add_section()
    table.add_row("all", "", str(sum(tried.values())), str(sum(held.values())))
    return table


def _write(options: argparse.Namespace, outcomes: list[Outcome]) -> None:
    if options.output:
        content = {**_circumstances(options), "trials": [asdict(one) for one in outcomes]}
        with atomic_write(options.output) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _circumstances(options: argparse.Namespace) -> dict[str, object]:
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "seed": options.seed,
        "count": options.count,
    }


if __name__ == "__main__":
    sys.exit(main())
