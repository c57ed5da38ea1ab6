"""A checkpoint on data that changed after training: rows are matched by raw token."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from recbole_llm4msr import load_data_and_model, run
from recbole_llm4msr.compat import copy_config, load_checkpoint
from recbole_llm4msr.data import ScenarioError, create_dataset
from tests.toy import toy_settings

KEY = ["user_id", "item_id", "scenario", "timestamp"]
MODELS = ["STAR", "DeepFM", "LLM4MSR_STAR"]


def train(tmp_path: Path, model: str, **more) -> Path:
    """Train a model on the toy data, with numbers of every kind, and return its checkpoint."""
    settings = toy_settings(tmp_path, **{"knowledge": "lsa", **more})
    if not model.startswith("LLM4MSR"):
        settings.pop("knowledge")
    run(model, "toy", config_dict=settings)
    (checkpoint,) = (tmp_path / "saved").glob("*.pth")
    return checkpoint


def scores(checkpoint: Path, **options) -> dict[tuple, float]:
    """The score of every row of all splits, by its raw tokens and time."""
    _, model, dataset, *loaders = load_data_and_model(checkpoint, **options)
    model.eval()
    found = {}
    for split in (loader.dataset for loader in loaders):
        rows = split.join(split.inter_feat)
        with torch.no_grad():
            values = model.predict(rows.to(next(model.parameters()).device)).cpu()
        columns = [dataset.id2token(field, rows[field].numpy()) for field in KEY[:3]]
        times = split.exact_times.numpy()
        keys = zip(*columns, times.tolist(), strict=True)
        found.update(zip(keys, values.tolist(), strict=True))
    return found


def same(before: dict, after: dict, but: int = 0) -> None:
    shared = before.keys() & after.keys()
    assert len(shared) >= len(before) - but
    a, b = np.array([(before[key], after[key]) for key in shared]).T
    np.testing.assert_allclose(a, b, atol=1e-6)


def rewrite(file: Path, change) -> None:
    head, *rows = file.read_text().splitlines()
    file.write_text("\n".join([head, *change(rows)]) + "\n")


def shuffled(rows: list[str]) -> list[str]:
    return [rows[i] for i in np.random.default_rng(5).permutation(len(rows))]


@pytest.mark.parametrize("model", MODELS)
def test_rows_in_another_order_score_the_same(toy, tmp_path, model) -> None:
    # By time the training rows stay the same, and with them the users' prompts.
    checkpoint = train(tmp_path, model, eval_args={"order": "TO"})
    before = scores(checkpoint)
    rewrite(toy / "toy.inter", lambda rows: rows[::-1])
    for name in ("toy.user", "toy.item", "toy.scenario"):
        rewrite(toy / name, shuffled)
    after = scores(checkpoint)
    assert len(before) == len(after) == 1500
    same(before, after)
    same(before, scores(checkpoint))  # from the cache


@pytest.mark.parametrize("model", MODELS)
def test_another_folder_directory_and_device(toy, tmp_path, model, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    checkpoint = train(tmp_path, model, data_path=".")
    before = scores(checkpoint)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    same(before, scores(checkpoint, device="cpu"))
    moved = shutil.move(toy, tmp_path / "elsewhere" / "toy")
    same(before, scores(checkpoint, data_path=tmp_path / "elsewhere"))
    same(before, scores(checkpoint, data_path=moved))
    same(before, scores(checkpoint, data_path="."))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"data_path: there is no toy\.inter in .*toy"):
        load_data_and_model(checkpoint)
    with pytest.raises(FileNotFoundError, match=r"data_path: there is no toy\.inter in .*saved"):
        load_data_and_model(checkpoint, data_path="saved")


@pytest.mark.parametrize("model", ["STAR", "DeepFM"])
def test_new_rows_users_and_items_are_counted_and_the_rest_scores_the_same(
    toy, tmp_path, model, caplog
) -> None:
    checkpoint = train(tmp_path, model)
    before = scores(checkpoint)
    new = ["u77\ti1\tsearch\t1\t0.5", "u77\ti99\tfeed\t0\t1.5", "u1\ti2\tmail\t1\t2.5"]
    rewrite(toy / "toy.inter", lambda rows: new + rows)
    rewrite(toy / "toy.user", lambda rows: ["u77\t99", *rows])
    rewrite(toy / "toy.item", lambda rows: ["i99\t100\tt9 t0\tgreen hat", *rows])
    with caplog.at_level(logging.WARNING):
        after = scores(checkpoint)
    (said,) = [r.getMessage() for r in caplog.records if "have not had" in r.getMessage()]
    assert "1 of user_id in 2 rows" in said and "1 of item_id in 1 rows" in said
    assert "1 rows of toy.user and 1 rows of toy.item are not read" in caplog.text
    assert "has learnt nothing" not in caplog.text  # the mean embedding scores them
    assert len(after) == 1503
    same(before, after)


@pytest.mark.parametrize("model", ["STAR", "DeepFM"])
def test_a_renamed_user_is_unknown_and_moves_nobody_else(toy, tmp_path, model) -> None:
    checkpoint = train(tmp_path, model)
    before = scores(checkpoint)
    for name in ("toy.inter", "toy.user"):
        rewrite(toy / name, lambda rows: [r.replace("u1\t", "x1\t") for r in rows])
    after = scores(checkpoint)
    renamed = sum(user == "u1" for user, *_ in before)
    assert renamed and len(after) == 1500
    same(before, after, but=renamed)
    assert sum(user == "[PAD]" for user, *_ in after) == renamed


def test_numbers_are_filled_scaled_and_put_into_buckets_as_in_training(toy, tmp_path) -> None:
    rewrite(toy / "toy.item", lambda rows: ["i3\t\tt1 t2\tno price", *rows[:2], *rows[3:]])
    more = {"normalize_field": ["weight"], "discretization": {}, "numerical_features": []}
    for name, column in (("age2", lambda i: i * 1.5), ("weight", lambda i: i**2)):
        head, *rows = (toy / "toy.item").read_text().splitlines()
        rows = [f"{row}\t{column(i)}" for i, row in enumerate(rows, start=1)]
        (toy / "toy.item").write_text("\n".join([f"{head}\t{name}:float", *rows]) + "\n")
    fields = ["price", "age2", "weight"]
    more["numerical_features"] = fields
    more["discretization"] = {"age2": {"method": "ED", "bucket": 5}, "price": {"method": "LD"}}
    more["load_col"] = {
        "inter": [*KEY, "label"],
        "user": ["user_id", "age"],
        "item": ["item_id", "tags", *fields],
    }
    checkpoint = train(tmp_path, "DeepFM", **more)
    before = scores(checkpoint)
    # The range, the mean and the levels of the files are others now; those of the rows are not.
    rewrite(toy / "toy.item", lambda rows: ["i900\t900\tt1\tdear\t1e6\t-1e6", *shuffled(rows)])
    rewrite(toy / "toy.inter", lambda rows: ["u1\ti900\tfeed\t1\t0.5", *rows[::-1]])
    same(before, scores(checkpoint))


def test_an_unknown_scenario_is_refused(toy, tmp_path) -> None:
    checkpoint = train(tmp_path, "STAR")
    rewrite(toy / "toy.inter", lambda rows: [*rows, "u1\ti1\tvideo\t1\t5.0"])
    with pytest.raises(ScenarioError, match=r"trained for .*search, and the data have also video"):
        load_data_and_model(checkpoint)


def test_a_missing_scenario_changes_no_other(toy, tmp_path) -> None:
    checkpoint = train(tmp_path, "STAR")
    before = scores(checkpoint)
    lost = sum(scenario == "feed" for _, _, scenario, _ in before)
    rewrite(toy / "toy.inter", lambda rows: [row for row in rows if "\tfeed\t" not in row])
    same(before, scores(checkpoint), but=lost)


def test_other_columns_are_refused(toy, tmp_path) -> None:
    checkpoint = train(tmp_path, "STAR", load_col=None, item_text_fields=["title"])
    rewrite(toy / "toy.user", lambda rows: rows)
    head, *rows = (toy / "toy.user").read_text().splitlines()
    lines = [f"{head}\tcity:token", *(f"{row}\tc1" for row in rows)]
    (toy / "toy.user").write_text("\n".join(lines) + "\n")
    with pytest.raises(ValueError, match=r"city \(token here, missing there\)"):
        load_data_and_model(checkpoint)


@pytest.mark.parametrize("model", ["STAR", "LLM4MSR_STAR"])
def test_rare_ids_keep_their_row_and_unknown_ones_share_it(toy, tmp_path, model) -> None:
    more = {"min_count": 30, "eval_args": {"order": "RO"}, "knowledge": "random"}
    checkpoint = train(tmp_path, model, **more)
    before = scores(checkpoint)
    rewrite(toy / "toy.inter", lambda rows: [*rows[:-1401:-1], "u77\ti1\tfeed\t1\t9999"])
    options = {"trained_knowledge": True} if model.startswith("LLM4MSR") else {}
    same(before, scores(checkpoint, **options), but=100)
    _, loaded, *_ = load_data_and_model(checkpoint, **options)
    network = getattr(loaded, "backbone", loaded)
    at = int(network.token_field_offsets[network.token_field_names.index("item_id")])
    rows = network.token_embedding_table.row_of[at : at + 41]
    values, counts = torch.unique(rows, return_counts=True)
    assert counts.max() > 1 and rows[0] == values[counts.argmax()]


@pytest.mark.parametrize("model", ["STAR", "LLM4MSR_DeepFM"])
def test_unknown_users_have_the_mean_embedding(toy, tmp_path, model) -> None:
    checkpoint = train(tmp_path, model)
    weights = load_checkpoint(checkpoint)["state_dict"]
    loaded = load_data_and_model(checkpoint)[1]
    tables = [name for name in weights if name.endswith("token_embedding_table.embedding.weight")]
    assert len(tables) == (2 if "DeepFM" in model else 1)  # the first-order term has its own
    for name in tables:
        row, before = loaded.state_dict()[name], weights[name]
        torch.testing.assert_close(row[0], before[1:31].mean(dim=0))
        torch.testing.assert_close(row[31], before[32:72].mean(dim=0))
        rest = [i for i in range(len(row)) if i not in (0, 31)]
        assert torch.equal(row[rest], before[rest])


def test_changed_prompts_are_refused_and_the_vectors_of_training_can_be_kept(toy, tmp_path):
    checkpoint = train(tmp_path, "LLM4MSR_STAR")
    before = scores(checkpoint)
    new = [f"u{i}\ti{i}\tsearch\t1\t{i}.5" for i in range(1, 30)]
    rewrite(toy / "toy.inter", lambda rows: [*rows, "u77\ti1\tfeed\t0\t3.25", *new])
    with pytest.raises(ValueError, match=r"trained with other knowledge .*trained_knowledge=True"):
        load_data_and_model(checkpoint)
    same(before, scores(checkpoint, trained_knowledge=True))
    shutil.rmtree(toy / "knowledge")
    with pytest.raises(ValueError, match="does not hold the vectors of training"):
        load_data_and_model(checkpoint, trained_knowledge=True)


RANKING = {
    "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
    "numerical_features": [],
    "eval_args": {"split": {"RS": [0.8, 0.1, 0.1]}, "order": "TO", "mode": "full"},
    "metrics": ["Recall"],
    "valid_metric": "Recall@10",
    "topk": [10],
    "SCENARIO_FIELD": None,
    "train_neg_sample_args": {"distribution": "uniform", "sample_num": 1},
}


@pytest.mark.parametrize(("model", "settings"), [("FFM", {}), ("Pop", RANKING), ("BPR", RANKING)])
def test_a_model_without_a_row_for_unknown_users_says_so(
    toy, tmp_path, model, settings, caplog
) -> None:
    checkpoint = train(tmp_path, model, **settings)
    load_data_and_model(checkpoint)
    assert "has learnt nothing" not in caplog.text
    rewrite(toy / "toy.inter", lambda rows: ["u77\ti1\tsearch\t1\t0.5", *rows])
    rewrite(toy / "toy.user", lambda rows: ["u77\t99", *rows])
    with caplog.at_level(logging.WARNING):
        load_data_and_model(checkpoint)
    assert f"{model} has learnt nothing of users" in caplog.text
    assert "(1 with an unknown user_id)" in caplog.text


def test_a_general_model_of_recbole(toy, tmp_path) -> None:
    checkpoint = train(tmp_path, "BPR", **RANKING)

    def embedded() -> dict[str, torch.Tensor]:
        _, model, dataset, *_ = load_data_and_model(checkpoint)
        tokens = dataset.field2id_token["item_id"]
        return dict(zip(tokens, model.item_embedding.weight.detach(), strict=True))

    before = embedded()
    rewrite(toy / "toy.inter", lambda rows: rows[::-1])
    after = embedded()
    assert before.keys() == after.keys()
    dataset = load_data_and_model(checkpoint)[2]
    users = dataset.inter_feat["user_id"]
    tokens = dataset.id2token("user_id", np.arange(dataset.user_num))
    trained = load_checkpoint(checkpoint)["config"]
    plain = copy_config(trained)
    del plain.trained_data
    unmapped = create_dataset(plain)
    assert list(unmapped.field2id_token["user_id"]) != list(tokens)
    assert sorted(unmapped.field2id_token["user_id"]) == sorted(tokens)
    assert int(users.min()) > 0
    assert all(torch.equal(before[token], after[token]) for token in before)


def test_recboles_quick_start_matches_by_token_too(toy, tmp_path) -> None:
    from recbole.quick_start.quick_start import load_data_and_model as of_recbole

    checkpoint = train(tmp_path, "DeepFM")
    before = of_recbole(str(checkpoint))[2].field2id_token["user_id"].tolist()
    rewrite(toy / "toy.inter", lambda rows: rows[::-1])
    assert of_recbole(str(checkpoint))[2].field2id_token["user_id"].tolist() == before


def test_a_checkpoint_without_a_vocabulary_is_refused_or_said_to_be_unchecked(
    toy, tmp_path, caplog
) -> None:
    checkpoint = train(tmp_path, "STAR")
    before = scores(checkpoint)
    content = load_checkpoint(checkpoint)
    del content["config"].trained_data
    torch.save(content, checkpoint)
    with pytest.raises(ValueError, match=r"holds no vocabulary .*assume_same_data=True"):
        load_data_and_model(checkpoint)
    with caplog.at_level(logging.WARNING):
        same(before, scores(checkpoint, assume_same_data=True))
    assert "holds no vocabulary" in caplog.text


def test_predictions_have_raw_tokens_of_a_changed_data_set(toy, tmp_path) -> None:
    place = tmp_path / "p.parquet"
    checkpoint = train(tmp_path, "STAR", save_predictions=str(place))
    table = pl.read_parquet(place)
    rewrite(toy / "toy.inter", lambda rows: rows[::-1])
    found = scores(checkpoint)
    rows = table.select("user", "item", "scenario", "score").iter_rows()
    by_triple: dict[tuple, set[float]] = {}
    for (user, item, scenario, _), score in found.items():
        by_triple.setdefault((user, item, scenario), set()).add(round(score, 5))
    assert all(round(score, 5) in by_triple[tuple(key)] for *key, score in rows)
