#!/usr/bin/env bash
# RecBole 1.2.1, rows with labels evaluated in mode uni100: every row of the split counts as a
# relevant one, those with label 0 too. The labels of the file are not read.
source "$(dirname "$0")/_environment.sh"
source "$findings/_recbole.sh"
install_recbole
python - <<'PYTHON'
from recbole.data import create_dataset, data_preparation
from small import config, write

rows = [(f"u{n % 5}", f"i{n}", n % 2) for n in range(200)]
write(inter=[("user_id:token", "item_id:token", "label:float"), *rows])
settings = config(
    model="DeepFM", metrics=["NDCG"], valid_metric="NDCG@10", topk=[10],
    load_col={"inter": ["user_id", "item_id", "label"]},
    eval_args={"split": {"RS": [0.5, 0.25, 0.25]}, "order": "RO", "group_by": None,
               "mode": {"valid": "uni100", "test": "uni100"}},
)
*_, test = data_preparation(settings, create_dataset(settings))
labels = test.dataset.inter_feat["label"]
relevant = sum(len(positives) for _, _, positives, _ in test)
print("rows:", len(labels), "with label 1:", int(labels.sum()), "counted as relevant:", relevant)
assert 0 < int(labels.sum()) < len(labels) == relevant, "the behaviour has changed"
PYTHON
