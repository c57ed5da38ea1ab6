#!/usr/bin/env bash
# RecBole 1.2.1 fills an empty rating with the mean of all ratings before `threshold` makes labels of
# them. An interaction without a rating becomes positive or negative by what the others gave.
source "$(dirname "$0")/_environment.sh"
source "$findings/_recbole.sh"
install_recbole
python - <<'PYTHON'
from small import read, write


def label_of_the_empty_rating(*ratings):
    rows = [(f"u{n}", "i1", rating) for n, rating in enumerate(ratings)]
    write(inter=[("user_id:token", "item_id:token", "rating:float"), ("new", "i1", ""), *rows])
    dataset = read(load_col={"inter": ["user_id", "item_id", "rating"]}, threshold={"rating": 3})
    label = dataset.inter_feat["label"].tolist()[0]
    print("other ratings", ratings, "-> label of the interaction without a rating:", label)
    return label


high, low = label_of_the_empty_rating(5, 5, 1), label_of_the_empty_rating(5, 1, 1)
assert (high, low) == (1, 0), "the behaviour has changed"
PYTHON
