#!/usr/bin/env bash
# RecBole 1.2.1, normalize_all: a column with one value becomes 1.0, whatever the value, with a
# warning. Labels that are all 0, of a log of impressions without a click, become all 1.
source "$(dirname "$0")/_environment.sh"
source "$findings/_recbole.sh"
install_recbole
python - <<'PYTHON'
from small import read, write

write(inter=[("user_id:token", "item_id:token", "label:float", "price:float"),
             *[(f"u{n}", f"i{n}", 0, 7) for n in range(6)]])
dataset = read(
    normalize_all=True,
    load_col={"inter": ["user_id", "item_id", "label", "price"]},
)
labels, prices = (dataset.inter_feat[field].tolist() for field in ("label", "price"))
print("labels 0 are read as:", labels, "prices of 7 as:", prices)
assert labels == [1.0] * 6 and prices == [1.0] * 6, "the behaviour has changed"
PYTHON
