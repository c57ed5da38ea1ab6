"""Show a plan as one table before anything is written."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dataset_converters.table.labels import DEFAULT_THRESHOLD
from dataset_converters.table.options import TableOptions
from dataset_converters.table.plan import Plan, PlannedColumn, SideFiles

_EXAMPLE_CHARACTERS = 24


def show_plan(plan: Plan, options: TableOptions, console: Console) -> None:
    """Print what each column becomes: the guesses and what was named."""
    table = Table(title=Text("Columns, as they are read"), title_justify="left")
    for head in ("column", "becomes", "type", "example", "from"):
        table.add_column(head, overflow="fold")
    _head(table, [source.file.name for source in plan.sources])
    for role, column in plan.roles.columns.items():
        source = "option" if role in plan.roles.given else "its name"
        becomes, kind = _becomes(role, plan, options)
        _row(table, column, becomes, kind, plan.examples[role], source)
    if plan.samples_negatives:
        number = options.negatives or 1
        _row(table, "-", "label", "float", "1", f"every row; {number} negatives each are sampled")
    if plan.roles.scenario is None:
        _row(table, "-", "scenario", "token", "", str(options.scenario_from))
    if plan.roles.time is None:
        _row(table, "-", "no time", "", "", "split at random")
    for column in plan.columns:
        if column.column != plan.roles.rating:
            _planned(table, column)
    for side in (plan.item, plan.user):
        if side is not None:
            _side(table, side)
    console.print(table)
    for note in plan.notes:
        console.print(f"  {note}", highlight=False, markup=False)


def _becomes(role: str, plan: Plan, options: TableOptions) -> tuple[str, str]:
    """Return what the column of a role becomes, and its type."""
    if role in ("user", "item"):
        return f"{role}_id", "token"
    if role == "rating":
        threshold = DEFAULT_THRESHOLD if options.threshold is None else options.threshold
        return f"label: 1 from {threshold:g} on", "float"
    if role == "time" and plan.unit is not None:
        return "timestamp", plan.unit.shown
    return role, "float" if role == "label" else "token"


def _head(table: Table, files: list[str]) -> None:
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    table.add_section()
    table.add_row(Text(files[0] + more, style="bold"))


def _side(table: Table, side: SideFiles) -> None:
    _head(
        table, [source.file.name for source in side.sources] or [f"the log, of each {side.entity}"]
    )
    for key in dict.fromkeys(side.keys):
        _row(table, key, f"{side.entity}_id", "token", "", "")
    for column in side.columns:
        _planned(table, column)


def _planned(table: Table, column: PlannedColumn) -> None:
    source = "option or header" if column.kind.given else "values"
    use = column.use.partition(":")[0]  # the reasons are told at the end
    _row(table, column.column, use, column.kind.shown, column.example, source)


def _row(table: Table, *cells: str) -> None:
    column, becomes, kind, example, source = cells
    if len(example) > _EXAMPLE_CHARACTERS:
        example = example[:_EXAMPLE_CHARACTERS] + "..."
    table.add_row(*(Text(cell) for cell in (column, becomes, kind, example, source)))
