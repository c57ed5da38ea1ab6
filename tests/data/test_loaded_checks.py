"""Checks of a loaded data set: wrong labels, times or rows raise or log a warning."""

import logging
import re

import pytest
from recbole.utils import init_seed

from recbole_llm4msr import Config, create_dataset
from tests.toy import toy_settings, write_toy

LOAD = {
    "inter": ["user_id", "item_id", "scenario", "label", "timestamp"],
    "user": ["user_id", "age"],
    "item": ["item_id", "price", "tags"],
}
BY_TIME = {
    "split": {"RS": [0.8, 0.1, 0.1]}, "order": "TO", "group_by": None, "mode": "labeled",
}  # fmt: skip


@pytest.fixture
def toy(tmp_path):
    return write_toy(tmp_path)


def make(tmp_path, model="STAR", **settings):
    config = Config(model, "toy", None, toy_settings(tmp_path, **settings))
    init_seed(config["seed"], True)
    return create_dataset(config)


def change(path, pattern, text, count=0):
    """Replace a pattern, line by line, in a file."""
    path.write_text(re.sub(pattern, text, path.read_text(), count=count, flags=re.MULTILINE))


def cell(path, line, column, text):
    """Write another text into a cell; lines and columns count from 1."""
    lines = path.read_text().splitlines()
    cells = lines[line - 1].split("\t")
    cells[column - 1] = text
    lines[line - 1] = "\t".join(cells)
    path.write_text("\n".join(lines) + "\n")


def label_in_item_file(toy):
    change(toy / "toy.item", r"^(item_id.*)$", r"\1\tlabel:float")
    change(toy / "toy.item", r"^(i\d.*)$", r"\1\t0")


def rating_of_file(toy):
    change(toy / "toy.inter", "label:float", "rating:float")


RATED = {
    "load_col": {"inter": ["user_id", "item_id", "scenario", "rating", "timestamp"]},
    "numerical_features": [],
}
PARTS = ["train", "valid", "test"]


def parts_of(toy, edit=lambda text: text):
    for part in PARTS:
        (toy / f"toy.{part}.inter").write_text(edit((toy / "toy.inter").read_text()))


UNI = {"split": {"RS": [0.8, 0.1, 0.1]}, "order": "RO", "group_by": "user", "mode": "uni100"}
DRAWN = {"distribution": "uniform", "sample_num": 1}

REFUSED = {
    "label in two files": (
        label_in_item_file,
        {"load_col": {**LOAD, "item": ["item_id", "label"]}, "numerical_features": []},
        r"column label stands in toy\.inter and in toy\.item",
    ),
    "empty label": (
        lambda toy: cell(toy / "toy.inter", 52, 4, ""),
        {},
        r"label is empty in 1 rows, the first in line 52 of toy\.inter",
    ),
    "label as token": (
        lambda toy: change(toy / "toy.inter", "label:float", "label:token"),
        {},
        "LABEL_FIELD: label is of type token",
    ),
    "time as token": (
        lambda toy: change(toy / "toy.inter", "timestamp:float", "timestamp:token"),
        {},
        "TIME_FIELD: timestamp is of type token",
    ),
    "empty time, by time": (
        lambda toy: cell(toy / "toy.inter", 9, 5, ""),
        {"eval_args": BY_TIME},
        "timestamp is empty in 1 rows, the first in line 9",
    ),
    "nan": (
        lambda toy: cell(toy / "toy.inter", 7, 5, "nan"),
        {},
        r"toy\.inter, line 7, column timestamp: nan is not a number",
    ),
    "blank beside a number": (
        lambda toy: cell(toy / "toy.inter", 8, 4, " 1 "),
        {},
        r"toy\.inter, line 8, column label: ' 1 ' is not a number",
    ),
    "empty rating": (
        lambda toy: (rating_of_file(toy), cell(toy / "toy.inter", 3, 4, "")),
        {**RATED, "threshold": {"rating": 1}},
        "rating is empty in 1 rows, the first in line 3 of toy.inter; threshold",
    ),
    "threshold without a field": (
        rating_of_file,
        {**RATED, "threshold": {"rating": "4"}},
        "threshold: rating: '4' is not a number",
    ),
    "side file missing": (
        lambda toy: (toy / "toy.user").unlink(),
        {},
        r"load_col: user: .*no file .*toy\.user",
    ),
    "unload_col of a column that is not there": (
        lambda toy: None,
        {"load_col": None, "unload_col": {"item": ["colour"]}, "item_text_fields": None},
        r"unload_col: .*toy\.item has no column colour; it has item_id, price",
    ),
    "columns separated by blanks": (
        lambda toy: change(toy / "toy.inter", "\t", "  "),
        {},
        "separated by one tab, and this header has blanks: write tabs",
    ),
    "no user": (
        lambda toy: None,
        {"load_col": {"inter": ["item_id", "scenario", "label"]}, "numerical_features": []},
        "USER_ID_FIELD: .* no column 'user_id'",
    ),
    "users missing in the side file": (
        lambda toy: change(toy / "toy.user", r"^u[12]\d\t.*\n", ""),
        {},
        r"filter_inter_by_user_or_item: .* interactions are of a user or item without a row",
    ),
    "drawn negatives beside labels": (
        lambda toy: None,
        {"train_neg_sample_args": DRAWN},
        "train_neg_sample_args: the interactions have labels, some of them 0",
    ),
    "ranking of labelled rows": (
        lambda toy: None,
        {"eval_args": UNI},
        "mode: uni100 takes every row for a positive one",
    ),
    "no label, drawn negatives, mode labeled": (
        lambda toy: None,
        {
            "load_col": {"inter": ["user_id", "item_id", "scenario", "timestamp"]},
            "numerical_features": [],
            "train_neg_sample_args": DRAWN,
        },
        "have no field 'label', which eval_args: mode: labeled needs",
    ),
    "ratings as labels with RMSE": (
        lambda toy: change(toy / "toy.inter", r"\t1\t(\d+)$", r"\t5\t\1"),
        {"metrics": ["RMSE"], "valid_metric": "RMSE"},
        "label holds 5.0, and a label is 0 or 1",
    ),
    "empty user in a part": (
        lambda toy: parts_of(toy, lambda text: re.sub(r"(?m)^u1\t", "\t", text)),
        {"benchmark_filename": PARTS},
        r"user_id is empty in \d+ rows of the parts of benchmark_filename",
    ),
    "ratings as labels without scenarios": (
        lambda toy: change(toy / "toy.inter", r"\t1\t(\d+)$", r"\t5\t\1"),
        {"model": "DeepFM", "SCENARIO_FIELD": None},
        "label holds 5.0, and a label is 0 or 1",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_check_raises_with_place_and_remedy(case, toy, tmp_path):
    spoil, settings, message = REFUSED[case]
    spoil(toy)
    with pytest.raises(ValueError, match=message):
        make(tmp_path, **settings)


WARNED = {
    "empty time, at random": (
        lambda toy: cell(toy / "toy.inter", 9, 5, ""),
        {},
        "timestamp is empty in 1 rows",
    ),
    "two units": (
        lambda toy: change(toy / "toy.inter", r"\t(\d*7)$", r"\t\g<1>000000"),
        {},
        "more than 100 times the median",
    ),
    "two rows of an item": (
        lambda toy: (toy / "toy.item").open("a").write("i3\t9\tt1\tother\n"),
        {},
        "1 values of item_id have several different rows",
    ),
    "threshold replaces labels": (
        lambda toy: None,
        {"threshold": {"timestamp": 700}},
        "threshold: the labels of the column label are replaced by timestamp >= 700",
    ),
    "empty users": (
        lambda toy: [cell(toy / "toy.inter", line, 1, "") for line in range(10, 160)],
        {},
        r"toy\.inter: user_id is empty in 150 rows, which are dropped: "
        r"lines 10, 11, 12, 13, 14, \.\.\.$",
    ),
    "an empty item of the side file": (
        lambda toy: (toy / "toy.item").open("a").write("\t9\tt1\tother\n"),
        {},
        r"toy\.item: item_id is empty in 1 rows, which are dropped: line 42$",
    ),
    "labels that are not read": (
        lambda toy: None,
        {
            "load_col": {"inter": ["user_id", "item_id"]},
            "numerical_features": [],
            "SCENARIO_FIELD": None,
            "eval_args": UNI,
            "train_neg_sample_args": DRAWN,
            "model": "BPR",
        },
        r"toy\.inter has a column label that is not read, and every row is taken for a positive",
    ),
    "users missing in the side file of parts": (
        lambda toy: (parts_of(toy), change(toy / "toy.user", r"^u[12]\d\t.*\n", "")),
        {"benchmark_filename": PARTS},
        r"without a row in .*, for example user_id u\d+; .* so they are kept",
    ),
    "a few users missing": (
        lambda toy: change(toy / "toy.user", r"^u30\t.*\n", ""),
        {"filter_inter_by_user_or_item": True},
        "they are dropped",
    ),
}


@pytest.mark.parametrize("case", WARNED)
def test_check_logs_a_warning(case, toy, tmp_path, caplog):
    spoil, settings, message = WARNED[case]
    spoil(toy)
    with caplog.at_level(logging.WARNING):
        make(tmp_path, **settings)
    assert any(re.search(message, record.getMessage()) for record in caplog.records)


def test_filters_beside_benchmark_filename_raise(toy, tmp_path):
    parts_of(toy)
    parts = {"benchmark_filename": PARTS}
    with pytest.raises(ValueError, match="user_inter_num_interval: RecBole does not filter"):
        make(tmp_path, **parts, user_inter_num_interval="[40,inf)")
    with pytest.raises(ValueError, match=r"benchmark_filename: \['train', 'test'\]"):
        make(tmp_path, benchmark_filename=["train", "test"])


def test_cached_data_set_checks_labels_again(toy, tmp_path):
    change(toy / "toy.inter", r"\t1\t(\d+)$", r"\t0.5\t\1")
    make(tmp_path, metrics=["RMSE"], valid_metric="RMSE")
    with pytest.raises(ValueError, match="label holds 0.5"):
        make(tmp_path)


CHANGED = {
    "val_interval": {"timestamp": "[100,inf)"},
    "threshold": {"timestamp": 700},
    "normalize_field": ["price"],
    "seq_len": {"tags": 1},
    "filter_inter_by_user_or_item": False,
    "discretization": {"price": {"method": "ED", "bucket": 5}},
}
COUNTS = [
    "      1  empty cells of age read as the padding id",
    "     39  sequences of tags cut to 1 values (seq_len)",
    "    100  rows dropped by val_interval: {'timestamp': '[100,inf)'}",
    "     31  rows kept without features: a side file has no row of their user or item",
    "      2  empty cells of price filled with the mean of the others",
    "  1,400  labels made by timestamp >= 700 (threshold), 800 of them 1",
    "     40  values of price scaled by the range of the training rows (normalisation)",
    "     40  values of price put into buckets (discretization: {'method': 'ED', 'bucket': 5})",
]


def test_row_changes_are_counted_and_cached(toy, tmp_path, caplog):
    cell(toy / "toy.item", 4, 2, "")
    cell(toy / "toy.user", 4, 2, "")
    change(toy / "toy.item", r"^i40\t.*\n", "")  # of 1,400 rows 31 are of i40
    later = (toy / "toy.inter").read_text().splitlines()[101:]
    assert sum("\ti40\t" in row for row in later) == 31
    for _ in range(2):
        with caplog.at_level(logging.INFO):
            make(tmp_path, **CHANGED, state="INFO")
        for line in COUNTS:
            assert line in caplog.text
        caplog.clear()


def test_drawn_negatives_are_counted(toy, tmp_path, caplog):
    settings = {"val_interval": {"label": "[1,1]"}, "train_neg_sample_args": DRAWN}
    with caplog.at_level(logging.INFO):
        make(tmp_path, **settings, eval_args=UNI, state="INFO")
    assert "1  negatives drawn for each train row (train_neg_sample_args)" in caplog.text
    assert "100  negatives drawn for each test row (eval_args: mode)" in caplog.text


RANKERS = ("BPR", "Pop")


def test_ids_read_as_missing_by_recbole_are_kept_for_its_models(toy, tmp_path):
    odd = ["NA", "null", "nan", "None"]
    path = toy / "toy.inter"
    for line, token in enumerate(odd, 2):
        cell(path, line, 1, token)
    (toy / "toy.user").open("a").write("".join(f"{token}\t20\n" for token in odd))
    for model, more in (("DeepFM", {}), *((name, {"LABEL_FIELD": "none"}) for name in RANKERS)):
        settings = {"load_col": {"inter": LOAD["inter"]}, "numerical_features": []}
        dataset = make(tmp_path, model, **{**settings, **more})
        assert set(odd) <= set(dataset.field2token_id["user_id"])
        assert dataset.inter_num == 1500
