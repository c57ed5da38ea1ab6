"""Find the columns of user, item, label, rating, scenario and time: as named, or by usual names."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import combinations

from dataset_converters.errors import ConverterError, nearest
from dataset_converters.table.options import TableOptions
from dataset_converters.table.sources import Source

NO_COLUMN = "none"  # --time=none: use no column, although one has a usual name
_ROLES = ("user", "item", "label", "rating", "scenario", "time")

#: Usual names in lower case without punctuation. The first group of which the log has a name
#: decides; two names of that group are ambiguous.
USUAL_NAMES: dict[str, tuple[tuple[str, ...], ...]] = {
    "user": (
        ("userid", "uid", "user"),
        ("reviewerid", "visitorid", "customerid", "memberid", "accountid", "viewerid"),
        ("customer", "visitor", "reviewer", "member"),
    ),
    "item": (
        ("itemid", "iid", "item"),
        ("parentasin",),
        (
            *("asin", "movieid", "videoid", "productid", "articleid", "newsid", "songid"),
            *("trackid", "bookid", "goodsid", "photoid", "musicid", "adid", "postid"),
        ),
        ("movie", "video", "product", "article", "isbn", "sku"),
    ),
    "label": (("label",), ("click", "isclick", "clicked", "isclicked"), ("target",)),
    "rating": (("rating", "ratings"), ("stars", "star", "overall", "starrating"), ("score",)),
    "scenario": (
        ("scenario", "scenarioid", "scene", "sceneid"),
        ("domain", "domainid", "tab", "channel", "channelid"),
        ("page", "pageid", "surface", "placement"),
    ),
    "time": (
        ("timestamp", "unixreviewtime", "unixtime", "eventtime", "timems", "unixtimestamp"),
        ("time", "ts", "datetime", "createdat"),
        ("date",),
    ),
}


@dataclass(frozen=True)
class Roles:
    """Columns of the log by their role; None where there is none.

    Attributes:
        given: Roles whose column the options name; the others are guessed.
    """

    user: str
    item: str
    label: str | None = None
    rating: str | None = None
    scenario: str | None = None
    time: str | None = None
    given: frozenset[str] = field(default_factory=frozenset)

    @property
    def columns(self) -> dict[str, str]:
        """Column by role, of the roles that have one."""
        both = ((role, getattr(self, role)) for role in _ROLES)
        return {role: column for role, column in both if column is not None}


def usual_columns(role: str, columns: list[str]) -> list[str]:
    """Return the columns that have a usual name of the role; several are ambiguous."""
    for names in USUAL_NAMES[role]:
        found = [column for column in columns if _plain(column) in names]
        if found:
            return found
    return []


def find_roles(sources: list[Source], options: TableOptions) -> Roles:
    """Find the columns of the log.

    Args:
        sources: Files of the log. Columns are guessed from the first, and must be in each.
        options: Named columns.

    Raises:
        ConverterError: A named column is missing, or a column that is needed cannot be guessed;
            the message lists the columns and the options to give.
    """
    columns = list(dict.fromkeys(name for source in sources for name in source.columns))
    given = {role: value for role in _ROLES if (value := getattr(options, role)) is not None}
    found: dict[str, str] = {}
    for role, column in given.items():
        if role == "time" and column == NO_COLUMN and column not in columns:
            continue
        _check_named(f"--{role}", column, columns, sources)
        found[role] = column
    for role, other in combinations(found, 2):
        if found[role] == found[other]:
            raise ConverterError(
                f"--{role}={found[role]} and --{other}={found[other]} name the same column"
            )
    unclear = []
    for role in _roles_to_guess(options, given):
        if role == "rating" and "label" in found:
            continue  # the rating of a log with labels is a further column
        others = [column for column in sources[0].columns if column not in found.values()]
        usual = usual_columns(role, others)
        if len(usual) == 1:
            found[role] = usual[0]
        elif usual:
            none = f", or --time={NO_COLUMN}" if role == "time" else ""
            unclear.append(f"  {role}: it may be {' or '.join(usual)}; give --{role}=COLUMN{none}")
        elif role in ("user", "item"):
            unclear.append(f"  {role}: no column has a usual name; give --{role}=COLUMN")
        elif role == "scenario":
            unclear.append(
                "  scenario: no column has a usual name; give --scenario=COLUMN, or "
                "--scenario-from=item.COLUMN, user.COLUMN or file"
            )
    if unclear:
        lines = [f"{sources[0].file.name}: which columns are meant is not clear", *unclear]
        lines.append(f"  columns: {', '.join(columns)}")
        if sources[0].format == "text" and sources[0].header is None:
            lines.append("  If the first line is a row, name the columns: --header=NAME,NAME,...")
        if len(columns) == 1 and sources[0].format == "text":
            lines.append("  There is only one column: give --separator.")
        raise ConverterError("\n".join(lines))
    for role, column in found.items():
        _check_named(f"--{role}", column, columns, sources)
    return Roles(**found, given=frozenset(given))  # type: ignore[arg-type]


def _roles_to_guess(options: TableOptions, given: dict[str, str]) -> list[str]:
    """Return the roles to guess, in an order in which one can exclude a later one."""
    roles = [role for role in _ROLES if role not in given]
    if options.implicit or "label" in given or "rating" in given:
        roles = [role for role in roles if role not in ("label", "rating")]
    if options.scenario_from is not None:
        roles = [role for role in roles if role != "scenario"]
    return roles


def _check_named(option: str, column: str, columns: list[str], sources: list[Source]) -> None:
    for source in sources:
        if column in source.columns:
            continue
        if column in source.left_out:
            raise ConverterError(
                f"{option}={column}: {source.file.name} has {source.left_out[column]} there, "
                "which cannot be read"
            )
        raise ConverterError(
            f"{option}={column}: {source.file.name} has no such column"
            f"{nearest(column, source.columns)}; its columns are {', '.join(source.columns)}"
        )


def find_key(source: Source, option: str, named: str | None, role: str, column: str) -> str:
    """Find the column of the ids in a file that describes users or items.

    Args:
        source: The file.
        option: Option that names the column, for messages.
        named: Its value, if given.
        role: ``user`` or ``item``.
        column: Column of the ids in the log, which is tried first.

    Raises:
        ConverterError: The column is missing or ambiguous.
    """
    columns = list(source.columns)
    if named is not None:
        _check_named(option, named, columns, [source])
        return named
    if column in columns:
        return column
    usual = usual_columns(role, columns) or [name for name in columns if _plain(name) == "id"]
    if len(usual) == 1:
        return usual[0]
    reason = f"it may be {' or '.join(usual)}" if usual else f"there is no {column!r}"
    raise ConverterError(
        f"{source.file.name}: which column has the id of the {role} is not clear ({reason}); give "
        f"{option}=COLUMN. Its columns are {', '.join(columns)}"
    )


def _plain(name: str) -> str:
    """Return a name in lower case without punctuation and spaces."""
    return re.sub(r"[^0-9a-z]", "", name.lower())
