"""Raw tokens in sorted order: a token's id is its position plus one, found in a mapped file."""

from __future__ import annotations

from bisect import bisect_left
from pathlib import Path

import numpy as np
import polars as pl

COLUMN = "token"

#: Files of this size and more are mapped.
MAPPED_BYTES = 1 << 24


class Vocabulary:
    """The raw tokens of a field; id 0 is a missing value, ``len + 1`` any unknown token.

    Args:
        tokens: Distinct texts in the order of their UTF-8 bytes.
    """

    def __init__(self, tokens: pl.Series) -> None:
        self.tokens = tokens
        self.unknown = len(tokens) + 1
        self._enum: pl.Enum | None = None

    @classmethod
    def read(cls, path: Path) -> Vocabulary:
        """Open an Arrow file that :meth:`write` wrote; the pages of a large one are read when used.

        Polars 2 copies a file, and pyarrow, which maps it, takes longer to import than to copy a
        small one.
        """
        if path.stat().st_size < MAPPED_BYTES:
            return cls(pl.read_ipc(path)[COLUMN])
        try:
            import pyarrow as pa
        except ImportError:  # the extra export is enough to check what was exported
            return cls(pl.read_ipc(path)[COLUMN])
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        return cls(pl.DataFrame(pl.from_arrow(table))[COLUMN])

    def write(self, path: Path) -> None:
        """Write the tokens as an uncompressed Arrow file, which can be mapped."""
        self.tokens.alias(COLUMN).to_frame().write_ipc(path, compression="uncompressed")

    def __len__(self) -> int:
        return len(self.tokens)

    def ids(self, values: pl.Series) -> np.ndarray:
        """Ids of raw tokens (texts), int64; 0 where there is none, ``unknown`` for unknown ones."""
        if len(values) > 1 and _is_constant(values):
            return np.full(len(values), self.ids(values[:1])[0])
        has_nulls = values.null_count() > 0
        if not len(self.tokens):
            ids = np.full(len(values), self.unknown)
        elif len(values) == 1 and not has_nulls:  # the user of a request: polars takes 0.2 ms
            place = bisect_left(self.tokens, values[0])
            is_known = place < len(self.tokens) and self.tokens[place] == values[0]
            ids = np.array([place + 1 if is_known else self.unknown])
        elif 2 * len(values) < len(self.tokens):
            place = self.tokens.search_sorted(values).to_numpy()
            place = np.minimum(place, len(self.tokens) - 1).astype(np.int64)
            is_known = self.tokens.gather(place) == values
            is_known = is_known.fill_null(False) if has_nulls else is_known
            ids = np.where(is_known.to_numpy(), place + 1, self.unknown)
        else:
            self._enum = self._enum or pl.Enum(self.tokens)
            codes = values.cast(self._enum, strict=False).to_physical().cast(pl.Int64)
            ids = codes.fill_null(self.unknown - 1).to_numpy() + 1
        return np.where(values.is_null().to_numpy(), 0, ids) if has_nulls else ids

    def raw(self, ids: np.ndarray) -> pl.Series:
        """Raw tokens of ids that exist."""
        return self.tokens.gather(ids - 1)


def _is_constant(values: pl.Series) -> bool:
    """Whether a column holds one text only, as that of the user where candidates are scored."""
    first = values[0]
    if first is None or first != values[-1]:
        return False
    return bool((values == first).all(ignore_nulls=False))
