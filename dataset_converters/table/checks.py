"""Check options against the columns of the input files."""

from __future__ import annotations

from dataset_converters.errors import ConverterError, nearest
from dataset_converters.table.options import TableOptions
from dataset_converters.table.roles import Roles
from dataset_converters.table.sources import Source


def check_different_files(sources: list[Source], options: TableOptions) -> None:
    """Check that no input file is given twice.

    Raises:
        ConverterError: One is, or two have one name and the name is the scenario.
    """
    paths = [source.file.path.resolve() for source in sources]
    twice = [path.name for path in paths if paths.count(path) > 1]
    if twice:
        raise ConverterError(f"--input: {twice[0]} is given twice")
    names = [source.stem for source in sources]
    if options.scenario_from == "file" and len(set(names)) < len(names):
        raise ConverterError(
            "--scenario-from=file: two input files have the same name "
            f"({', '.join(sorted({name for name in names if names.count(name) > 1}))})"
        )


def check_format_options(sources: list[Source], options: TableOptions) -> None:
    """Check that options of text files have a text file to apply to.

    Raises:
        ConverterError: No input file is one.
    """
    if any(source.format == "text" for source in sources):
        return
    given = {"--separator": options.separator, "--header": options.header}
    for option, value in given.items():
        if value:
            raise ConverterError(
                f"{option}: has no effect, since no file of --input is a CSV, TSV or text file"
            )


def check_options(
    sources: list[Source], sides: dict[str, list[str]], roles: Roles, options: TableOptions
) -> None:
    """Check options that name columns, and those that have no effect on this log.

    Args:
        sources: Files of the log.
        sides: Columns of the files that describe users and items, by entity.
        roles: Columns of the log by role.
        options: The options.

    Raises:
        ConverterError: A column does not exist, or an option has no effect.
    """
    log = list(dict.fromkeys(name for source in sources for name in source.columns))
    everywhere = [*log, *(name for names in sides.values() for name in names)]
    wanted = [("--features", name, log) for name in options.features]
    described = {"item": list(options.item_columns), "user": list(options.user_columns)}
    wanted += [(f"--{e}-columns", name, log) for e, names in described.items() for name in names]
    texts = described["item"] or sides.get("item", [])
    wanted += [("--text", name, texts) for name in options.text]
    wanted += [("--type", name, everywhere) for name in options.types]
    if options.scenario_from not in (None, "file"):
        entity, _, column = options.scenario_from.partition(".")
        wanted.append(("--scenario-from", column, sides[entity]))
    for option, name, columns in wanted:
        if name not in columns:
            raise ConverterError(
                f"{option}: there is no column {name!r}{nearest(name, columns)}; there are "
                f"{', '.join(dict.fromkeys(columns))}"
            )
    used = {column: role for role, column in roles.columns.items()}
    listed = [("--features", name) for name in options.features]
    listed += [(f"--{e}-columns", name) for e, names in described.items() for name in names]
    for position, (option, name) in enumerate(listed):
        if name in used:
            raise ConverterError(f"{option}: {name} is the {used[name]}, not a further column")
        if name in [other for _, other in listed[:position]]:
            raise ConverterError(f"{option}: {name} is given twice")
    for name in options.types:
        if name in used and not any(name in columns for columns in sides.values()):
            raise ConverterError(f"--type={name}: the column is the {used[name]}, of a fixed type")
    if roles.rating is None and options.threshold is not None:
        raise ConverterError(f"--threshold={options.threshold:g} needs --rating=COLUMN")
    if roles.label is not None or roles.rating is not None:
        for option in ("negatives", "sampling", "seed"):
            if getattr(options, option) is not None:
                outcome = f"--label={roles.label}" if roles.label else f"--rating={roles.rating}"
                raise ConverterError(
                    f"--{option}={getattr(options, option)} has no effect with {outcome}; to "
                    "sample negatives give --implicit"
                )
    if roles.time is None:
        for option in ("since", "until"):
            if getattr(options, option) is not None:
                raise ConverterError(
                    f"--{option}={getattr(options, option)} needs a time; name it with --time"
                )
