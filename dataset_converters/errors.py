"""Errors of the converters; each is one message that names the cause and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ConverterError(ValueError):
    """The input, an option or the output folder cannot be used."""


class BadRowsError(ConverterError):
    """More bad rows than ``--max-bad-rows`` allows; names the first row above the limit."""


class DownloadError(OSError):
    """An archive could not be downloaded or verified; names the folder to put it in by hand."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `` (did you mean X?)`` for the closest of ``known``, or an empty string."""
    folded = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), folded, n=1)
    return f" (did you mean {folded[close[0]]!r}?)" if close else ""
