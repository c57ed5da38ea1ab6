#!/usr/bin/env bash
# RecBole 1.2.1 reads the token NA (Namibia, North America) as a missing value: it gets the padding
# id 0, whose embedding is shared with all that is missing. pandas' list of words for missing values
# also has null, None, nan and n/a; `encoding` and `field_separator` can be set, this cannot.
source "$(dirname "$0")/_environment.sh"
source "$findings/_recbole.sh"
install_recbole
python - <<'PYTHON'
from small import read, write

write(inter=[("user_id:token", "item_id:token", "country:token", "label:float"),
             ("u1", "i1", "DE", 1), ("u2", "i1", "NA", 0), ("u3", "i2", "NA", 1)])
dataset = read(load_col={"inter": ["user_id", "item_id", "country", "label"]})
tokens, ids = dataset.field2id_token["country"].tolist(), dataset.inter_feat["country"].tolist()
print("countries in the file: DE NA NA; tokens:", tokens, "ids:", ids)
assert tokens == ["[PAD]", "DE"] and ids == [1, 0, 0], "the behaviour has changed"
PYTHON
