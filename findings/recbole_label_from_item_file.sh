#!/usr/bin/env bash
# RecBole 1.2.1 trains on the label of the .item file where the .inter file has a column of the same
# name: a batch joins the item's columns last, and they overwrite those of the interaction.
source "$(dirname "$0")/_environment.sh"
source "$findings/_recbole.sh"
install_recbole
python - <<'PYTHON'
from recbole.data import create_dataset, data_preparation
from small import config, write

write(
    inter=[("user_id:token", "item_id:token", "label:float"),
           *[(f"u{n}", f"i{n % 2}", 1) for n in range(8)]],
    item=[("item_id:token", "label:float"), ("i0", 0), ("i1", 0)],
)
settings = config(
    load_col={"inter": ["user_id", "item_id", "label"], "item": ["item_id", "label"]},
    eval_args={"split": {"RS": [0.5, 0.25, 0.25]}, "order": "RO", "group_by": None,
               "mode": "labeled"},
)
dataset = create_dataset(settings)
print("labels of the interactions:", dataset.inter_feat["label"].tolist())
train, *_ = data_preparation(settings, dataset)
batch = next(iter(train))
print("labels of a training batch:", batch["label"].tolist())
assert dataset.inter_feat["label"].tolist() == [1] * 8
assert batch["label"].tolist() == [0] * len(batch), "the behaviour has changed"
PYTHON
