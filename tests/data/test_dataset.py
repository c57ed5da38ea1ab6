from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest
import torch
from recbole.data.dataset import Dataset

from recbole_llm4msr import Config, create_dataset, data_preparation
from recbole_llm4msr.data import AtomicFileError, ScenarioError
from recbole_llm4msr.data.history import EXACT_TIME
from recbole_llm4msr.data.vocabulary import covered, encode, number, texts
from recbole_llm4msr.quick_start import training_history
from tests.toy import TITLES, toy_settings


def make(tmp_path, model: str = "STAR", **more):
    return create_dataset(Config(model, "toy", None, toy_settings(tmp_path, **more)))


def test_scenario_ids_are_those_of_the_sorted_tokens(toy, tmp_path) -> None:
    dataset = make(tmp_path)
    assert dataset.scenario_tokens == ["feed", "mail", "search"]
    assert dataset.scenario_names == ["Home feed", "mail", "Search page"]
    assert dataset.scenario_descriptions == ["items shown unasked", "", "items found by a query"]
    assert dataset.scenario_num == 3
    assert dataset.token2id("scenario", ["feed", "search"]).tolist() == [1, 3]
    raw = pl.read_csv(toy / "toy.inter", separator="\t")["scenario:token"].to_numpy()
    assert (dataset.id2token("scenario", dataset.inter_feat["scenario"].values) == raw).all()


def same_as_recboles(tmp_path, **more) -> tuple:
    """Return our data set and RecBole's, after comparing all of RecBole's attributes."""
    # RecBole's reader would take the words null, NA and nan for missing; titles are not loaded.
    config = Config("STAR", "toy", None, toy_settings(tmp_path, **more))
    ours, theirs = create_dataset(config), Dataset(config)
    for dataset in (ours, theirs):
        dataset._change_feat_format()
    for feat in ("inter_feat", "user_feat", "item_feat"):
        mine, his = getattr(ours, feat), getattr(theirs, feat)
        assert set(mine.columns) - {EXACT_TIME} == set(his.columns)
        for field in set(his.columns) - {"scenario"}:
            assert torch.equal(mine[field], his[field]), field
            assert mine[field].dtype == his[field].dtype
    for field in ("user_id", "item_id", "age", "tags"):
        mine, his = ours.field2id_token[field], theirs.field2id_token[field]
        assert list(mine) == list(his)
        assert np.asarray(mine).dtype == np.asarray(his).dtype
    assert ours.field2source == theirs.field2source
    assert ours.field2type == theirs.field2type
    assert dict(ours.field2seqlen) == dict(theirs.field2seqlen)
    return ours, theirs


@pytest.mark.parametrize("least", [None, "[0,inf)", "[52,inf)"])
def test_ids_and_values_equal_recboles_except_scenario_ids(toy, tmp_path, least) -> None:
    ours, _ = same_as_recboles(tmp_path, user_inter_num_interval=least)
    assert (ours.user_num < 31) is (least == "[52,inf)")


def test_filters_that_drop_nothing_are_skipped(toy, tmp_path) -> None:
    same_as_recboles(tmp_path, filter_inter_by_user_or_item=False)


def test_empty_token_in_split_files_gets_the_padding_id(toy, tmp_path) -> None:
    head, *lines = (toy / "toy.inter").read_text().splitlines()
    lines = [f"{line}\t{'' if i % 3 else i % 7}" for i, line in enumerate(lines)]
    parts = {"train": lines[:900], "valid": lines[900:1200], "test": lines[1200:]}
    for name, rows in parts.items():
        (toy / f"toy.{name}.inter").write_text("\n".join([f"{head}\tdevice:token", *rows]) + "\n")
    loaded = ["user_id", "item_id", "scenario", "label", "timestamp", "device"]
    ours, _ = same_as_recboles(
        tmp_path,
        load_col={"inter": loaded, "user": ["user_id", "age"], "item": ["item_id", "tags"]},
        numerical_features=[],
        benchmark_filename=["train", "valid", "test"],
    )
    assert (ours.inter_feat["device"] == 0).float().mean() > 0.6


def test_a_token_and_a_sequence_of_tokens_share_ids_where_one_is_missing(toy, tmp_path) -> None:
    path = toy / "toy.item"
    text = re.sub(r"\bi(\d+)\t", r"\1\t", path.read_text()).replace("tags", "similar")
    text = re.sub(r"\bt(\d)\b", r"\1", text).splitlines()
    lines = [f"{line}\t{'' if i % 3 else i}" for i, line in enumerate(text[1:], 1)]
    path.write_text("\n".join([f"{text[0]}\tbetter:token", *lines]) + "\n")
    path = toy / "toy.inter"
    path.write_text(re.sub(r"\bi(\d+)\t", r"\1\t", path.read_text()))
    loaded = {
        "inter": ["user_id", "item_id", "scenario", "label", "timestamp"],
        "user": ["user_id", "age"],
        "item": ["item_id", "price", "similar", "better"],
    }
    settings = toy_settings(tmp_path, load_col=loaded, alias_of_item_id=["similar", "better"])
    config = Config("STAR", "toy", None, settings)
    ours, theirs = create_dataset(config), Dataset(config)
    for field in ("item_id", "better"):
        feat, his = (d.item_feat[field].to_numpy(int) for d in (ours, theirs))
        assert ours.id2token(field, feat).tolist() == theirs.id2token(field, his).tolist()
    assert set(ours.field2id_token["better"]) <= {"[PAD]", *map(str, range(41))}


@pytest.mark.parametrize("suffix", ["inter", "item"])
@pytest.mark.parametrize("text", ["7", "07", "+7", "-0", "7.0", "9" * 20, "x"])
def test_numeric_tokens_are_compared_as_texts(toy, tmp_path, suffix, text) -> None:
    """Item ids are numbers in both files, or one of them has an id that is not a number."""
    for name in ("inter", "item"):
        path = toy / f"toy.{name}"
        lines = re.sub(r"\bi(\d+)\t", r"\1\t", path.read_text())
        if name == suffix:
            lines = re.sub(r"^(u\d+\t)?7\t", rf"\g<1>{text}\t", lines, flags=re.MULTILINE)
        path.write_text(lines)
    ours, _ = same_as_recboles(
        tmp_path, val_interval={"age": ["21", "22"]}, filter_inter_by_user_or_item=True
    )
    # RecBole drops interactions with items that the other file does not know.
    found = set(ours.id2token("item_id", ours.inter_feat["item_id"].numpy()))
    assert len(found) == (40 if text == "7" else 39)


def test_numeric_tokens_of_split_files_are_looked_up_as_texts(toy, tmp_path) -> None:
    text = (toy / "toy.inter").read_text().replace("\tfeed\t", "\t1\t").replace("\tmail\t", "\t2\t")
    head, *lines = text.replace("\tsearch\t", "\t3\t").splitlines()
    lines.sort(key=lambda line: line.split("\t")[2])  # the files hold different tokens
    for name, rows in {
        "train": lines[:900],
        "valid": lines[900:1200],
        "test": lines[1200:],
    }.items():
        (toy / f"toy.{name}.inter").write_text("\n".join([head, *rows]) + "\n")
    dataset = make(
        tmp_path,
        benchmark_filename=["train", "valid", "test"],
        scenario_from={"field": "scenario", "mapping": {1: "shown", 2: "shown", 3: "asked"}},
        SCENARIO_FIELD="kind",
    )
    assert dataset.scenario_tokens == ["asked", "shown"]


def test_a_column_of_numbers_is_encoded_as_numbers() -> None:
    column = encode(pl.Series(["12", "-3", None, "12"]))
    assert column.categories.tolist() == [12, -3]
    assert column.codes.tolist() == [0, 1, -1, 0]
    assert list(texts(column).categories) == ["12", "-3"]
    assert list(encode(pl.Series(["12", "-3"]), as_numbers=False).categories) == ["12", "-3"]
    (ids,), tokens = number([column])
    assert ids.tolist() == [1, 2, 0, 1]
    assert tokens.tolist() == ["[PAD]", "12", "-3"]


def test_ml_100k_has_age_groups_as_scenarios() -> None:
    dataset = create_dataset(Config("STAR", "ml-100k"))
    assert dataset.scenario_tokens == ["0-24", "25-35", "36-99"]
    ages = dataset.field2id_token["age"][dataset.user_feat["age"].to_numpy().astype(int)]
    of_row = ages[dataset.inter_feat["user_id"].to_numpy()].astype(int)
    scenario = dataset.inter_feat["scenario"].to_numpy()
    assert (scenario == np.digitize(of_row, [24, 35], right=True) + 1).all()


def test_training_history_holds_the_training_rows_in_raw_tokens(toy, tmp_path) -> None:
    config = Config("STAR", "toy", None, toy_settings(tmp_path))
    train, valid, test = data_preparation(config, create_dataset(config))
    history = train.dataset.training_history()
    raw = pl.read_csv(toy / "toy.inter", separator="\t")
    raw.columns = [column.split(":")[0] for column in raw.columns]
    kept = raw[history.rows["time"].cast(pl.Int64).to_list()]  # the toy's time is the line
    assert len(kept) == len(train.dataset) < len(raw)
    for column, field in {"user": "user_id", "item": "item_id", "scenario": "scenario"}.items():
        assert history.rows[column].to_list() == kept[field].to_list()
    assert history.rows["label"].cast(pl.Int64).to_list() == kept["label"].to_list()
    others = {int(t) for part in (valid, test) for t in part.dataset.inter_feat["timestamp"]}
    assert not others & set(kept["timestamp"].to_list())
    titles = dict(zip(history.items["item"], history.items["title"], strict=True))
    assert titles == {item: TITLES[int(item[1:]) % 7] for item in titles}
    assert set(titles) == set(history.rows["item"])


def test_history_excludes_texts_of_items_outside_training(toy, tmp_path) -> None:
    lines = (toy / "toy.inter").read_text().splitlines()
    held_out = [f"u1\ti{i}\tfeed\t1\t{9000 + i}" for i in (38, 39, 40)]
    train = [line for line in lines[1:] if line.split("\t")[1] not in ("i38", "i39", "i40")]
    for name, rows in {"train": train, "valid": held_out[:2], "test": held_out[2:]}.items():
        (toy / f"toy.{name}.inter").write_text("\n".join([lines[0], *rows]) + "\n")
    dataset = make(tmp_path, benchmark_filename=["train", "valid", "test"])
    history = dataset.build()[0].training_history()
    assert not {"i38", "i39", "i40"} & (set(history.items["item"]) | set(history.rows["item"]))
    assert {"i38", "i39", "i40"} <= set(history.item_tokens)


def test_fingerprint_changes_with_every_text_a_prompt_may_contain(toy, tmp_path) -> None:
    def fingerprint() -> str:
        return training_history(Config("STAR", "toy", None, toy_settings(tmp_path))).fingerprint

    first = fingerprint()
    assert fingerprint() == first
    text = (toy / "toy.item").read_text()
    (toy / "toy.item").write_text(text.replace("red shoe", "red boot"))
    assert fingerprint() != first


def test_item_text_column_outside_load_col_is_read(toy, tmp_path) -> None:
    items = make(tmp_path, item_text_fields=None).build()[0].training_history().items
    assert items.columns == ["item", "tags", "title"]


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"SCENARIO_FIELD": "domain"}, ScenarioError, "no field 'domain'; loaded are .*label"),
        ({"SCENARIO_FIELD": "label"}, ScenarioError, "'label' is a field of type float"),
        (
            {"SCENARIO_FIELD": "segment", "scenario_from": {"field": "colour", "bins": [1]}},
            ScenarioError,
            "'colour' is not lo",
        ),
        (
            {"scenario_from": {"field": "price", "bins": [3]}},
            ScenarioError,
            "would overwrite the field 'scenario'",
        ),
        ({"LABEL_FIELD": "clicked"}, ValueError, "have no field 'clicked', .*loaded are .*label"),
        ({"LABEL_FIELD": "timestamp"}, ValueError, "timestamp holds 2.0, 3.0, .*threshold"),
        ({"load_col": {"inter": ["user_id", "clicked"]}}, ValueError, "has no column clicked"),
        ({"item_text_fields": ["colour"]}, AtomicFileError, "no column colour"),
        ({"item_text_fields": ["colour"]}, AtomicFileError, "^item_text_fields, item_cat"),
        ({"item_category_field": "item_id"}, AtomicFileError, "no column item_id beside the key"),
    ],
)
def test_missing_field_raises_with_its_name(toy, tmp_path, settings, error, message) -> None:
    with pytest.raises(error, match=message):
        make(tmp_path, **settings).build()[0].training_history()


def test_row_without_a_scenario_raises(toy, tmp_path) -> None:
    path = toy / "toy.inter"
    path.write_text(path.read_text() + "u1\ti1\t\t1\t5000\n")
    with pytest.raises(ScenarioError, match="1 interactions have no scenario"):
        make(tmp_path)


def test_a_scenario_called_mean_raises(toy, tmp_path) -> None:
    path = toy / "toy.inter"
    path.write_text(path.read_text().replace("\tmail\t", "\tmean\t"))
    with pytest.raises(ScenarioError, match="cannot be called 'mean'"):
        make(tmp_path)


def test_malformed_inter_line_raises_with_its_number(toy, tmp_path) -> None:
    path = toy / "toy.inter"
    path.write_text(path.read_text() + "u1\ti1\tfeed\n")
    with pytest.raises(AtomicFileError, match=r"toy\.inter, line 1502: 3 columns .* has 5"):
        make(tmp_path)


def test_a_missing_data_set_raises_and_lists_the_existing_ones(toy, tmp_path) -> None:
    settings = toy_settings(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no data set 'tou' in .*; it has toy"):
        create_dataset(Config("STAR", "tou", None, settings))


def test_a_scenario_from_an_item_field_and_from_a_mapping(toy, tmp_path) -> None:
    rule = {"field": "age", "mapping": {"20": "a", "21": "b", "22": "b"}}
    dataset = make(tmp_path, SCENARIO_FIELD="segment", scenario_from=rule)
    assert dataset.scenario_tokens == ["a", "b"]
    rule = {"field": "price", "bins": [3]}
    dataset = make(tmp_path, SCENARIO_FIELD="segment", scenario_from=rule)
    assert dataset.scenario_tokens == ["..3", "3.."]


def test_rows_that_recbole_drops_need_no_scenario(toy, tmp_path) -> None:
    path = toy / "toy.user"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))  # u30
    rule = {"field": "age", "mapping": {"20": "a", "21": "b", "22": "b"}}
    settings = {"SCENARIO_FIELD": "segment", "scenario_from": rule}
    dataset = make(tmp_path, **settings, filter_inter_by_user_or_item=True)
    assert "u30" not in dataset.field2token_id["user_id"]
    assert dataset.inter_num < 1500
    with pytest.raises(ScenarioError, match=r"1 values of user_id have no row .*\.user .*: u30\."):
        make(tmp_path, **settings, filter_inter_by_user_or_item=False)


def test_ids_follow_first_appearance_after_dropped_rows() -> None:
    whole = [encode(pl.Series(["b", "a", "b", "c"])), encode(pl.Series(["d", "a"]))]
    (first, second), tokens = number(whole)
    assert (first.tolist(), second.tolist()) == ([1, 2, 1, 3], [4, 2])
    assert tokens.tolist() == ["[PAD]", "b", "a", "c", "d"]
    (first, second), tokens = number([whole[0][1:], whole[1]])  # the first row is gone
    assert (first.tolist(), second.tolist()) == ([1, 2, 3], [4, 1])
    assert tokens.tolist() == ["[PAD]", "a", "b", "c", "d"]
    (ids,), tokens = number([whole[0][[3, 0]]])
    assert (ids.tolist(), tokens.tolist()) == ([1, 2], ["[PAD]", "c", "b"])


def test_covered_checks_occurring_values_only() -> None:
    keys = encode(pl.Series(["1", "2", "3"]))
    assert covered(encode(pl.Series(["3", "1", "3"])), keys)
    assert not covered(encode(pl.Series(["3", "4"])), keys)
    assert not covered(encode(pl.Series(["3", None])), keys)
    assert not covered(encode(pl.Series(["3", "1"])), keys[:2])  # 3 is a category without a row


def test_scenarios_are_read_in_the_encoding_of_the_data(toy, tmp_path) -> None:
    for path in toy.glob("toy.*"):
        text = path.read_text().replace("Search page", "搜索")
        path.write_bytes(text.encode("utf-8" if path.suffix == ".yaml" else "gbk"))
    assert make(tmp_path, encoding="gbk").scenario_names[-1] == "搜索"


def test_real_files_load(real_data) -> None:
    config = Config("STAR", "amazon-bst", None, {"data_path": str(real_data)})
    dataset = create_dataset(config)
    assert dataset.scenario_names == ["Beauty", "Sports and Outdoors", "Toys and Games"]
    assert dataset.user_num - 1 == 72_682
    train, valid, test = dataset.build()
    assert (len(train) + len(valid) + len(test)) == 2 * 662_436
    history = train.training_history()
    assert history.rows.height == len(train)
    assert "null" in " ".join(history.items["title"].drop_nulls()).split()


def test_a_split_by_time_without_a_time_field_raises(toy, tmp_path) -> None:
    by_time = {"split": {"RS": [0.8, 0.1, 0.1]}, "order": "TO", "group_by": None, "mode": "labeled"}
    dataset = make(tmp_path, TIME_FIELD="tiem", eval_args=by_time)
    with pytest.raises(ValueError, match="order: TO sorts by TIME_FIELD, .* no field 'tiem'"):
        dataset.build()
    train, *_ = make(tmp_path, eval_args=by_time).build()
    assert len(train.inter_feat)
