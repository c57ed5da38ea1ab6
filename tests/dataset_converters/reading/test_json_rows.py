"""Lines of JSON that polars shall not decode."""

from __future__ import annotations

import json

import polars as pl

from dataset_converters.reading import may_be_deeply_nested


def test_lines_with_many_brackets_are_found_whatever_stands_between_them() -> None:
    flat = ['{"a": [1, 2]}', '{"text": "' + "a" * 5000 + '"}']
    assert not may_be_deeply_nested(pl.Series(flat))
    assert not may_be_deeply_nested(pl.Series([], dtype=pl.String))
    nested: object = 1
    for level in range(600):
        nested = {"a": [nested]} if level % 2 else [nested]
    assert not may_be_deeply_nested(pl.Series([json.dumps(nested)]))  # 900 brackets
    assert may_be_deeply_nested(pl.Series([*flat, "[" + ' {"b" : [' * 501]))
