"""Name the columns of a data set: characters that atomic files allow, no name twice."""

from __future__ import annotations

import re

_RESERVED = {"user_id", "item_id", "scenario", "label", "timestamp"}
_NOT_ALLOWED = re.compile(r"[\s:,;'\"|\[\]{}()#]+")


class ColumnNames:
    """Names of the columns that are written besides those of every data set.

    A name is kept where RecBole can take it. Otherwise characters are replaced by ``_``, and a
    name that another file or the data set itself uses gets the name of its own file in front.
    """

    def __init__(self) -> None:
        self._used = set(_RESERVED)
        self.renamed: dict[str, str] = {}

    def add(self, column: str, file: str) -> str:
        """Return the name under which a column is written.

        Args:
            column: Name in the input file.
            file: ``log``, ``user`` or ``item``.
        """
        name = _NOT_ALLOWED.sub("_", column).strip("_") or "column"
        if name in self._used:
            name = f"{file}_{name}"
        number = 2
        free = name
        while free in self._used:
            free, number = f"{name}_{number}", number + 1
        self._used.add(free)
        if free != column:
            self.renamed[f"{file}: {column}"] = free
        return free
