"""Plan a conversion from the columns and first rows of the input files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import polars as pl

from dataset_converters.errors import ConverterError
from dataset_converters.table.checks import (
    check_different_files,
    check_format_options,
    check_options,
)
from dataset_converters.table.names import ColumnNames
from dataset_converters.table.options import TableOptions
from dataset_converters.table.roles import Roles, find_key, find_roles
from dataset_converters.table.sources import Source, open_source
from dataset_converters.table.times import TimeUnit, find_unit
from dataset_converters.table.values import (
    ColumnType,
    guess_type,
    identifies_row,
    names_text,
    to_text,
)


@dataclass(frozen=True)
class PlannedColumn:
    """A column that is written.

    Attributes:
        column: Name in the input.
        name: Name in the data set.
        kind: Type.
        use: ``feature`` (loaded), ``text`` (for prompts), or the reason why it is only kept.
        example: A value.
    """

    column: str
    name: str
    kind: ColumnType
    use: str
    example: str


@dataclass
class SideFiles:
    """Files that describe users or items.

    Attributes:
        entity: ``user`` or ``item``.
        sources: The files.
        keys: Column of the ids of each.
        columns: Columns that are written.
    """

    entity: str
    sources: list[Source]
    keys: list[str]
    columns: list[PlannedColumn] = field(default_factory=list)

    @property
    def file_names(self) -> str:
        """Names of the files, for messages."""
        return ", ".join(source.file.base_name for source in self.sources)


@dataclass
class Plan:
    """What a conversion reads and writes.

    Attributes:
        sources: Files of the log.
        roles: Columns of user, item, label, rating, scenario, time.
        unit: How times are written; None without times.
        columns: Further columns of the log.
        user: Files that describe users.
        item: Files that describe items.
        examples: A value by role.
        notes: Columns renamed or left out, each a sentence.
    """

    sources: list[Source]
    roles: Roles
    unit: TimeUnit | None
    columns: list[PlannedColumn] = field(default_factory=list)
    user: SideFiles | None = None
    item: SideFiles | None = None
    examples: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def samples_negatives(self) -> bool:
        """Whether every row is positive."""
        return self.roles.label is None and self.roles.rating is None


def make_plan(inputs: Iterable, options: TableOptions) -> Plan:
    """Open the input files and decide what each column becomes.

    Args:
        inputs: Paths of the log's files.
        options: Options of the conversion.

    Raises:
        ConverterError: A file cannot be used, or what a column means is not clear.
    """
    sources = [open_source(path, "--input", options) for path in inputs]
    if not sources:
        raise ConverterError("--input: give at least one file")
    check_different_files(sources, options)
    check_format_options(sources, options)
    roles = find_roles(sources, options)
    user = _open_side("user", options.users, options.users_key, roles.user, options)
    item = _open_side("item", options.items, options.items_key, roles.item, options)
    sides = [side for side in (user, item) if side is not None]
    columns = {s.entity: [name for f in s.sources for name in f.columns] for s in sides}
    check_options(sources, columns, roles, options)
    samples = [source.sample() for source in sources]
    plan = Plan(sources, roles, None, user=user, item=item)
    for role, column in roles.columns.items():
        values = next((frame[column] for frame in samples if column in frame), None)
        if isinstance(values.dtype, pl.List):  # type: ignore[union-attr]
            raise ConverterError(f"--{role}={column}: the column has lists")
        plan.examples[role] = _example(to_text(values))  # type: ignore[arg-type]
    if roles.time is not None:
        place = f"{sources[0].file.name}, column {roles.time}"
        plan.unit = find_unit(samples[0][roles.time], options.zone(), place)
    names = ColumnNames()
    for side in sides:
        side_samples = [source.sample() for source in side.sources]
        _plan_side(side, side_samples, names, options)
    _plan_log(plan, samples, names, options)
    plan.notes += [f"{column} is written as {name}" for column, name in names.renamed.items()]
    for source in [*sources, *(s for side in sides for s in side.sources)]:
        for column, reason in source.left_out.items():
            plan.notes.append(f"{source.file.name}: {column} is left out ({reason})")
    return plan


def _open_side(
    entity: str, paths: tuple, named: str | None, column: str, options: TableOptions
) -> SideFiles | None:
    if not paths:
        return None
    sources = [open_source(path, f"--{entity}s", options) for path in paths]
    option = f"--{entity}s-key"
    keys = [find_key(source, option, named, entity, column) for source in sources]
    return SideFiles(entity, sources, keys)


def _plan_side(
    side: SideFiles, samples: list[pl.DataFrame], names: ColumnNames, options: TableOptions
) -> None:
    columns = _union(side.sources, samples, set(side.keys))
    kinds = {name: _type_of(name, side.sources, columns[name], options) for name in columns}
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
