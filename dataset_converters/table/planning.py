"""Plan a conversion from the columns and first rows of the input files."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from dataset_converters.errors import ConverterError
from dataset_converters.table.checks import (
    check_different_files,
    check_format_options,
    check_options,
)
from dataset_converters.table.names import ColumnNames
from dataset_converters.table.opening import find_inputs, open_source
from dataset_converters.table.options import TableOptions
from dataset_converters.table.plan import Plan, PlannedColumn, SideFiles
from dataset_converters.table.roles import find_key, find_roles
from dataset_converters.table.sources import Source
from dataset_converters.table.times import find_unit
from dataset_converters.table.values import (
    ColumnType,
    guess_type,
    identifies_row,
    names_text,
    to_text,
)


def make_plan(inputs: Iterable, options: TableOptions) -> Plan:
    """Open the input files and decide what each column becomes.

    Args:
        inputs: Paths of the log's files.
        options: Options of the conversion.

    Raises:
        ConverterError: A file cannot be used, or what a column means is not clear.
    """
    sources = _open_all(inputs, "--input", options)
    if not sources:
        raise ConverterError("--input: give at least one file")
    check_different_files(sources, options)
    check_format_options(sources, options)
    roles = find_roles(sources, options)
    plan = Plan(sources, roles, None)
    plan.user = _open_side("user", options.users, options.users_key, roles.user, options)
    plan.item = _open_side("item", options.items, options.items_key, roles.item, options)
    columns = {s.entity: [name for f in s.sources for name in f.columns] for s in plan.sides}
    check_options(sources, columns, roles, options)
    samples = [source.sample() for source in sources]
    for role, column in roles.columns.items():
        values = next((frame[column] for frame in samples if column in frame), None)
        if isinstance(values.dtype, pl.List):  # type: ignore[union-attr]
            raise ConverterError(f"--{role}={column}: the column has lists")
        plan.examples[role] = _example(to_text(values))  # type: ignore[arg-type]
    if roles.time is not None:
        place = f"{sources[0].file.name}, column {roles.time}"
        plan.unit = find_unit(samples[0][roles.time], options.zone(), place)
    names = ColumnNames()
    for side in plan.sides:
        side_samples = [source.sample() for source in side.sources]
        found = _union(side.sources, side_samples, set(side.keys))
        _plan_side(side, found, side.sources, names, options)
    for entity in ("user", "item"):
        _plan_described_in_log(plan, entity, samples, names, options)
    _plan_log(plan, samples, names, options)
    plan.notes += [f"{column} is written as {name}" for column, name in names.renamed.items()]
    for source in [*sources, *(s for side in plan.sides for s in side.sources)]:
        for column, reason in source.left_out.items():
            plan.notes.append(f"{source.file.name}: {column} is left out ({reason})")
    return plan


def _open_all(paths: Iterable, option: str, options: TableOptions) -> list[Source]:
    files = [file for path in paths for file in find_inputs(path, option)]
    return [open_source(file, option, options) for file in files]


def _open_side(
    entity: str, paths: tuple, named: str | None, column: str, options: TableOptions
) -> SideFiles | None:
    if not paths:
        return None
    sources = _open_all(paths, f"--{entity}s", options)
    option = f"--{entity}s-key"
    keys = [find_key(source, option, named, entity, column) for source in sources]
    return SideFiles(entity, sources, keys)


def _plan_described_in_log(
    plan: Plan,
    entity: str,
    samples: list[pl.DataFrame],
    names: ColumnNames,
    options: TableOptions,
) -> None:
    """Plan ``.user`` or ``.item`` from the columns of the log that an option names."""
    wanted = options.user_columns if entity == "user" else options.item_columns
    if not wanted:
        return
    side = SideFiles(entity, [], [])
    key = plan.roles.user if entity == "user" else plan.roles.item
    one_each = [frame.unique(subset=key, keep="first", maintain_order=True) for frame in samples]
    found = _union(plan.sources, one_each, set())
    _plan_side(side, {name: found[name] for name in wanted}, plan.sources, names, options)
    setattr(plan, entity, side)


def _plan_side(
    side: SideFiles,
    columns: dict[str, pl.Series],
    sources: list[Source],
    names: ColumnNames,
    options: TableOptions,
) -> None:
    kinds = {name: _type_of(name, sources, columns[name], options) for name in columns}
    is_item = side.entity == "item"
    if is_item and options.text:
        texts = set(options.text)
        kinds |= {name: ColumnType("token_seq", True, True) for name in texts}
    else:
        found = [name for name in columns if kinds[name].is_text]
        texts = {name for name in found if names_text(name)} or set(found)
    for column, values in columns.items():
        text = to_text(values, is_text=kinds[column].is_text)
        if kinds[column].is_text:
            use = "text" if is_item and column in texts else "not loaded: a text"
        elif text.null_count() == len(text):
            use = "not loaded: empty in the first rows"
        elif kinds[column].name.startswith("token") and identifies_row(text):
            use = "not loaded: a value of its own for nearly every row"
        else:
            use = "feature"
        name = names.add(column, side.entity)
        side.columns.append(PlannedColumn(column, name, kinds[column], use, _example(text)))


def _plan_log(
    plan: Plan, samples: list[pl.DataFrame], names: ColumnNames, options: TableOptions
) -> None:
    roles = plan.roles
    used = {column for role, column in roles.columns.items() if role != "rating"}
    used |= {*options.user_columns, *options.item_columns}
    for column, values in _union(plan.sources, samples, used).items():
        kind = _type_of(column, plan.sources, values, options)
        if column == roles.rating:
            kind = ColumnType("float", given=True)
        use = "feature" if column in options.features else "not loaded: may tell the label"
        name = names.add(column, "log")
        plan.columns.append(PlannedColumn(column, name, kind, use, _example(to_text(values))))


def _union(
    sources: list[Source], samples: list[pl.DataFrame], used: set[str]
) -> dict[str, pl.Series]:
    """Return the sample of every column that is not in ``used``, of the first file that has it."""
    found: dict[str, pl.Series] = {}
    for source, frame in zip(sources, samples, strict=True):
        for column in source.columns:
            if column not in used:
                found.setdefault(column, frame[column])
    return found


def _type_of(
    column: str, sources: list[Source], values: pl.Series, options: TableOptions
) -> ColumnType:
    """Return the type that an option or the file states, or else the guessed one."""
    if column in options.types:
        return ColumnType(options.types[column], given=True)
    guessed = guess_type(column, values)
    declared = next((s.declared[column] for s in sources if column in s.declared), None)
    if declared is None:
        return guessed
    return ColumnType(declared, True, guessed.is_text and declared == "token_seq")


def _example(values: pl.Series) -> str:
    present = values.drop_nulls()
    return str(present[0]) if len(present) else ""
