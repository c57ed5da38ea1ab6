"""``min_count``: which ids share an embedding row, and that nothing else changes."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from recbole_llm4msr import get_trainer, load_data_and_model, run
from recbole_llm4msr.model.rare_ids import SharedRows
from tests.toy import toy_settings, write_toy


def rows_of(model, field: str, table: SharedRows | None = None) -> torch.Tensor:
    """The embedding row of every id of a field."""
    at = model.token_field_names.index(field)
    start, n_ids = int(model.token_field_offsets[at]), model.token_field_dims[at]
    return (table or model.token_embedding_table).row_of[start : start + n_ids]


def test_ids_with_few_training_rows_share_one_row(small) -> None:
    model = small.build("STAR", min_count={"item_id": 15, "user_id": 12})
    for field, limit in (("item_id", 15), ("user_id", 12)):
        row_of = rows_of(model, field).tolist()
        often = Counter(small.train.inter_feat[field].tolist())
        rare = [i for i in range(1, len(row_of)) if often[i] < limit]
        kept = [i for i in range(1, len(row_of)) if often[i] >= limit]
        assert rare and kept
        assert len({row_of[i] for i in rare}) == 1
        assert len({row_of[i] for i in kept} | {row_of[rare[0]], row_of[0]}) == len(kept) + 2
    scenario = rows_of(model, "scenario")
    assert len(set(scenario.tolist())) == len(scenario)
    n_rows = model.token_embedding_table.embedding.num_embeddings
    assert n_rows == int(model.token_embedding_table.row_of.max()) + 1
    assert n_rows < sum(model.token_field_dims)


def test_a_field_of_the_items_is_counted_by_their_training_rows(small) -> None:
    model = small.build("STAR", min_count={"gender": 128})
    gender = small.train.user_feat["gender"][small.train.inter_feat["user_id"]]
    often = Counter(gender.tolist())
    assert min(often.values()) < 128 <= max(often.values())
    row_of = rows_of(model, "gender")
    shared = int(row_of[0]) + 1
    assert [int(row_of[i]) == shared for i in (1, 2)] == [often[i] < 128 for i in (1, 2)]


@pytest.mark.parametrize("name", ["LLM4MSR_PEPNet", "LLM4MSR_DeepFM", "LLM4MSR_LR"])
def test_the_model_scores_rare_ids_alike_and_others_differently(small, name) -> None:
    model = small.build(name, min_count=15).eval()
    tables = [module for module in model.modules() if isinstance(module, SharedRows)]
    assert len(tables) == (2 if name == "LLM4MSR_DeepFM" else 1)  # the first-order term has its own
    row_of = rows_of(model.backbone, "item_id", tables[-1])
    ids, times = torch.unique(row_of, return_counts=True)
    shared = ids[times > 1].item()
    same = (row_of == shared).nonzero().flatten()[:2]
    batch = small.batch[:2]
    scores = []
    for item in [*same.tolist(), int((row_of != shared).nonzero()[-1])]:
        rows = type(batch)({k: v.clone() for k, v in batch.interaction.items()})
        rows["item_id"][:] = item
        scores.append(model.predict(rows))
    assert torch.equal(scores[0], scores[1])
    assert not torch.equal(scores[0], scores[2])


def test_without_min_count_nothing_changes(small) -> None:
    plain, none = small.build("STAR"), small.build("STAR", min_count=None)
    assert plain.state_dict().keys() == none.state_dict().keys()
    assert not any(isinstance(module, SharedRows) for module in plain.modules())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"itm_id": 2}, "'itm_id' is not a token field of the model; it has user_id"),
        ({"price": 2}, "'price' is not a token field"),
        ({"item_id": "many"}, "'many' for item_id is not a number of rows"),
        (0, "0 for user_id is not a number of rows"),
    ],
)
def test_invalid_values_of_min_count_raise(small, given, message) -> None:
    with pytest.raises(ValueError, match=message):
        small.build("STAR", min_count=given)


def test_only_training_rows_are_counted(tmp_path) -> None:
    """Other valid and test rows, the same rows to train on: the same rows shared."""
    found = []
    for name, cut in (("a", 1500), ("b", 1300)):
        lines = (write_toy(tmp_path / name) / "toy.inter").read_text().splitlines()
        head, body = lines[0], lines[1:]
        folder = tmp_path / name / "toy"
        parts = {"train": body[:300], "valid": body[300:400], "test": body[400:cut]}
        for part, rows in parts.items():
            (folder / f"toy.{part}.inter").write_text("\n".join([head, *rows]) + "\n")
        settings = toy_settings(
            tmp_path / name, benchmark_filename=["train", "valid", "test"], epochs=1, min_count=9
        )
        run("STAR", "toy", config_dict=settings)
        (checkpoint,) = (tmp_path / name / "saved").glob("*.pth")
        _, model, dataset, *_ = load_data_and_model(checkpoint)
        tokens = dataset.field2id_token["item_id"][1:]
        rows = rows_of(model, "item_id")[1:]
        shared = int(rows_of(model, "item_id")[0]) + 1
        found.append({t for t, row in zip(tokens, rows.tolist(), strict=True) if row == shared})
    assert found[0] == found[1]
    assert 0 < len(found[0]) < 40


@pytest.mark.parametrize("model", ["LLM4MSR_STAR", "DeepFM"])
def test_a_checkpoint_restores_the_shared_rows(toy, tmp_path, model) -> None:
    settings = toy_settings(
        tmp_path, min_count=30, knowledge="random", embedding_optimizer="rowwise_adagrad"
    )
    result = run(model, "toy", config_dict=settings)
    (checkpoint,) = (tmp_path / "saved").glob("*.pth")
    config, loaded, _, _, _, test_data = load_data_and_model(checkpoint)
    assert any(isinstance(module, SharedRows) for module in loaded.modules())
    trainer = get_trainer(config["MODEL_TYPE"], model)(config, loaded)
    assert trainer.evaluate(test_data, load_best_model=False) == result["test_result"]
