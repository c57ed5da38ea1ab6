"""Ids of raw tokens: positions in sorted order, with ids for empty and unknown ones."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from recbole_llm4msr.serving import vocabulary as module
from recbole_llm4msr.serving.vocabulary import Vocabulary

TOKENS = sorted(["a", "b10", "b9", "ä", "Z", "\t", "日本", "x" * 50, *(f"t{n}" for n in range(90))])


@pytest.fixture
def vocabulary(tmp_path) -> Vocabulary:
    Vocabulary(pl.Series(TOKENS)).write(tmp_path / "v.arrow")
    return Vocabulary.read(tmp_path / "v.arrow")


@pytest.mark.parametrize("copies", [1, 40], ids=["searched", "hashed"])
def test_known_unknown_and_empty_tokens(vocabulary, copies) -> None:
    values = ["ä", None, "b9", "zzz", "", "Z", "日本", "A", "\U0010ffff"] * copies
    unknown = len(TOKENS) + 1
    assert vocabulary.unknown == unknown
    expected = [
        0 if value is None else TOKENS.index(value) + 1 if value in TOKENS else unknown
        for value in values
    ]
    ids = vocabulary.ids(pl.Series(values))
    assert ids.tolist() == expected and ids.dtype == np.int64


def test_every_token_is_found_and_given_back(vocabulary) -> None:
    for tokens in (TOKENS, TOKENS[:3], TOKENS[-1:] * 5):
        ids = vocabulary.ids(pl.Series(tokens))
        assert ids.tolist() == [TOKENS.index(token) + 1 for token in tokens]
        assert vocabulary.raw(ids).to_list() == tokens


def test_a_single_token_is_looked_up_as_many_are(vocabulary) -> None:
    for token in [*TOKENS, "", "A", "zzz", "ä ", "t9" * 9, "\U0010ffff", "\0"]:
        expected = vocabulary.ids(pl.Series([token, None])).tolist()[:1]
        ids = vocabulary.ids(pl.Series([token]))
        assert ids.tolist() == expected and ids.dtype == np.int64
    assert vocabulary.ids(pl.Series([None], dtype=pl.String)).tolist() == [0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], []), ([None, None], [0, 0]), (["q", "q"], [99, 99]), (["q", None, "q"], [99, 0, 99])],
)
def test_short_columns(vocabulary, values, expected) -> None:
    assert vocabulary.ids(pl.Series(values, dtype=pl.String)).tolist() == expected


def test_without_tokens_every_one_is_unknown() -> None:
    vocabulary = Vocabulary(pl.Series([], dtype=pl.String))
    assert vocabulary.ids(pl.Series(["a", None, "b"])).tolist() == [1, 0, 1]


def test_a_large_file_is_mapped_and_not_copied(tmp_path, monkeypatch) -> None:
    import pyarrow as pa

    tokens = pl.Series(sorted(f"item number {n}, {'x' * (n % 40)}" for n in range(5000)))
    Vocabulary(tokens).write(tmp_path / "v.arrow")
    monkeypatch.setattr(module, "MAPPED_BYTES", 1)
    before = pa.total_allocated_bytes()
    mapped = Vocabulary.read(tmp_path / "v.arrow")
    assert pa.total_allocated_bytes() - before < 10_000 < (tmp_path / "v.arrow").stat().st_size
    (tmp_path / "v.arrow").unlink()  # an open one may be deleted
    assert mapped.tokens.equals(tokens)
    assert mapped.ids(tokens[[7, 4999]].extend(pl.Series(["none"]))).tolist() == [8, 5000, 5001]
