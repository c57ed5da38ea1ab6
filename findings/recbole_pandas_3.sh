#!/usr/bin/env bash
# RecBole 1.2.1 with pandas 3: empty floats stay NaN. RecBole fills them with the mean by
# feat[field].fillna(..., inplace=True), which fills a copy since pandas 3. Nothing is raised; the
# features of a model are NaN. With pandas 2 the same file gives the mean.
source "$(dirname "$0")/_environment.sh"
source "$findings/_recbole.sh"
install_recbole pandas==3.0.0
python - <<'PYTHON'
import math

from small import read, write

write(inter=[("user_id:token", "item_id:token", "price:float", "label:float"),
             ("u1", "i1", 4, 1), ("u2", "i1", "", 0), ("u3", "i2", 2, 1)])
dataset = read(load_col={"inter": ["user_id", "item_id", "price", "label"]})
prices = dataset.inter_feat["price"].tolist()
print("prices in the file: 4, empty, 2; in the data set:", prices)
assert math.isnan(prices[1]), "the behaviour has changed"
PYTHON
