"""Errors of exported models; each message is one sentence for the person who reads it."""

from __future__ import annotations


class ExportError(ValueError):
    """A model cannot be exported."""


class ArtefactError(ValueError):
    """A folder is not a complete, unaltered artefact that this version can read."""


class MissingPackageError(ImportError, ValueError):
    """A package that an extra brings is not installed; the message names the command."""


class InputError(ValueError):
    """Rows cannot be scored; the message names the row and the column.

    Args:
        message: One sentence.
        what: The part of it that says what is wrong, without the place.
        row: Number of the row, from 1, where there is one.
    """

    def __init__(self, message: str, *, what: str | None = None, row: int | None = None) -> None:
        super().__init__(message)
        self.what = message if what is None else what
        self.row = row
