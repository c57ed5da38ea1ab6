#!/usr/bin/env bash
# polars: Series.str.json_decode with a schema converts values of another type instead of failing: a
# number becomes text, true becomes 1.0, so that a malformed row looks like a valid one.
source "$(dirname "${BASH_SOURCE[0]}")/_environment.sh"
install polars==2.1.0
python - << 'PYTHON'
import json

import polars as pl

rows = [{"user": "A1", "rating": 5.0}, {"user": 7, "rating": True}]
schema = pl.Struct({"user": pl.String, "rating": pl.Float64})
read = pl.Series([json.dumps(row) for row in rows]).str.json_decode(schema).to_list()
print("polars", pl.__version__)
print("written:", rows)
print("read:   ", read)
assert read[1] == {"user": "7", "rating": 1.0}, "the behaviour has changed"
PYTHON
