"""Training history for prompts: missing items, texts, labels and times."""

from __future__ import annotations

import pytest

from recbole_llm4msr import Config, create_dataset, data_preparation, run
from recbole_llm4msr.data.history import EXACT_TIME, TrainingHistory, field_names
from recbole_llm4msr.knowledge.options import KnowledgeOptions
from recbole_llm4msr.knowledge.prompts.histories import item_texts
from recbole_llm4msr.quick_start import training_history
from tests.toy import toy_settings


def history_of(tmp_path, **more) -> TrainingHistory:
    return training_history(Config("LLM4MSR_STAR", "toy", None, toy_settings(tmp_path, **more)))


@pytest.mark.parametrize("named", [["title"], "title", None])
def test_category_column_is_excluded_from_item_texts(toy, tmp_path, named) -> None:
    path = toy / "toy.item"
    text = path.read_text().replace("tags:token_seq", "brand:token").replace(" t", "-")
    path.write_text(text.replace("item_id:token\tprice", "item_id:token\tcost"))
    settings = {"item_text_fields": named, "item_category_field": "brand"}
    loaded = {"inter": ["user_id", "item_id", "scenario", "label"]}
    history = history_of(tmp_path, load_col=loaded, numerical_features=[], **settings)
    found = item_texts(history, KnowledgeOptions.from_config(_Mapping(settings)))
    texts = {item: rest for item, *rest in found.iter_rows()}
    assert texts["i1"] == ["null", "t1-1"]
    assert texts["i7"] == ["red shoe", "t2-1"]


class _Mapping(dict):
    """Returns None for a missing key, as RecBole's configuration does."""

    def __missing__(self, key: str) -> None:
        return None


def test_item_without_a_row_in_the_item_file_has_its_token_as_text(toy, tmp_path) -> None:
    path = toy / "toy.item"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-2]))  # i39, i40
    history = history_of(tmp_path, filter_inter_by_user_or_item=False)
    assert set(history.items["item"]) == set(history.rows["item"]) >= {"i39", "i40"}
    texts = dict(item_texts(history, KnowledgeOptions()).select("item", "text").iter_rows())
    assert texts["i39"] == "item i39"


@pytest.mark.parametrize("knowledge", ["lsa", "random"])
def test_item_knowledge_needs_no_texts_and_no_item_file(toy, tmp_path, knowledge) -> None:
    (toy / "toy.item").unlink()
    loaded = {"inter": ["user_id", "item_id", "scenario", "label", "timestamp"]}
    settings = toy_settings(
        tmp_path, load_col=loaded, numerical_features=[], item_text_fields=None,
        knowledge=knowledge, item_knowledge=True, knowledge_folds=2,
    )  # fmt: skip
    config = Config("LLM4MSR_STAR", "toy", None, settings)
    train, *_ = data_preparation(config, create_dataset(config))
    assert train.dataset.knowledge.item.shape[0] == train.dataset.item_num


def test_times_are_exact_and_excluded_from_batches(toy, tmp_path) -> None:
    path = toy / "toy.inter"
    head, *lines = path.read_text().splitlines()
    cells = [line.split("\t") for line in lines]
    later = ["\t".join([*row, str(1_700_000_000 + 10 * int(time))]) for *row, time in cells]
    path.write_text("\n".join([head, *later]) + "\n")
    found = history_of(tmp_path).rows["time"]
    assert found.n_unique() == len(found)  # in float32, a dozen would share one
    assert set(found % 10) == {0}
    config = Config("STAR", "toy", None, toy_settings(tmp_path))
    for loader in data_preparation(config, create_dataset(config)):
        assert EXACT_TIME not in loader.dataset.inter_feat
        assert EXACT_TIME not in next(iter(loader))


def test_without_labels_every_row_is_positive(toy, tmp_path, capsys) -> None:
    """RecBole's negative sampling, evaluated as a ranking."""
    drawn = {"distribution": "uniform", "sample_num": 1, "alpha": 1.0}
    ranked = {"split": {"RS": [0.8, 0.1, 0.1]}, "order": "RO", "group_by": None, "mode": "uni5"}
    settings = toy_settings(
        tmp_path, epochs=1, load_col={"inter": ["user_id", "item_id", "scenario", "timestamp"]},
        numerical_features=[], eval_args=ranked, metrics=["Recall"], valid_metric="Recall@3",
        train_neg_sample_args={**drawn, "dynamic": False, "candidate_num": 0}, topk=[3],
    )  # fmt: skip
    assert set(history_of(tmp_path, **settings).rows["label"]) == {1.0}
    result = run("LLM4MSR_STAR", "toy", config_dict=settings)
    shown = capsys.readouterr().out
    assert f"{result['test_result']['recall@3']:.4f}" in shown
    assert "one class" not in shown


def test_list_of_fields_accepts_a_single_field_and_a_text() -> None:
    assert field_names(None) == field_names([]) == field_names("") == ()
    assert field_names("title") == field_names(["title"]) == ("title",)
    assert field_names("[title, brand]") == field_names("title,brand") == ("title", "brand")
