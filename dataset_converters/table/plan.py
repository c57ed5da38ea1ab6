"""What a conversion reads and writes: the columns of the log, of users and of items."""

from __future__ import annotations

from dataclasses import dataclass, field

from dataset_converters.table.roles import Roles
from dataset_converters.table.sources import Source
from dataset_converters.table.times import TimeUnit
from dataset_converters.table.values import ColumnType


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
    """Files that describe users or items, or columns of the log that do.

    Attributes:
        entity: ``user`` or ``item``.
        sources: The files; none where columns of the log describe them.
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
        user: What describes users.
        item: What describes items.
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

    @property
    def sides(self) -> list[SideFiles]:
        """What describes users and items."""
        return [side for side in (self.user, self.item) if side is not None]

    @property
    def read_columns(self) -> list[PlannedColumn]:
        """Columns to read from the log besides those with a role."""
        described = [c for side in self.sides if not side.sources for c in side.columns]
        return [*self.columns, *described]
