#!/usr/bin/env bash
# RecBole 1.2.1 keeps timestamps in single precision, where neighbouring values of today's seconds
# are 128 apart. A split by time (order: TO) does not order rows within two minutes: later rows are
# trained on, earlier ones tested.
source "$(dirname "$0")/_environment.sh"
source "$findings/_recbole.sh"
install_recbole
python - <<'PYTHON'
from small import read, write

rows = [(f"u{n}", f"i{n}", 1, 1_700_000_000 + n) for n in range(200)]  # one each second
write(inter=[("user_id:token", "item_id:token", "label:float", "timestamp:float"), *rows[::-1]])
dataset = read(
    load_col={"inter": ["user_id", "item_id", "label", "timestamp"]},
    eval_args={"split": {"RS": [0.8, 0.1, 0.1]}, "order": "TO", "group_by": None,
               "mode": "labeled"},
)
splits = dataset.build()
times = {time for split in splits for time in split.inter_feat["timestamp"].tolist()}
print("different times in the file: 200, in the splits:", len(times), sorted(times))
seconds = [
    [int(token[1:]) for token in split.id2token("user_id", split.inter_feat["user_id"])]
    for split in splits
]
for name, values in zip(("train", "valid", "test"), seconds):
    print(name, "has the seconds", min(values), "to", max(values))
assert max(seconds[0]) > min(seconds[2]), "the behaviour has changed"
PYTHON
