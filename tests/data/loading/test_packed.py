from __future__ import annotations

import torch

from recbole_llm4msr import Config, create_dataset, data_preparation
from recbole_llm4msr.data.loading.packed import PackedLoader
from tests.toy import toy_settings


def loaders(tmp_path, **more):
    config = Config("STAR", "toy", None, toy_settings(tmp_path, **more))
    torch.manual_seed(1)
    return data_preparation(config, create_dataset(config))


def test_batches_are_recboles_own_in_order_and_content_over_epochs(toy, tmp_path) -> None:
    ours, theirs = loaders(tmp_path), loaders(tmp_path, packed_loader=False)
    assert all(isinstance(loader, PackedLoader) for loader in ours)
    assert not any(isinstance(loader, PackedLoader) for loader in theirs)
    for mine, his in zip(ours, theirs, strict=True):
        assert len(mine) == len(his)
        for _ in range(3):
            batches = list(zip(mine, his, strict=True))
            assert len(batches) == len(his)
            for a, b in batches:
                a, b = (a, b) if mine is ours[0] else (a[0], b[0])
                assert list(a.interaction) == list(b.interaction)
                for field in a.interaction:
                    assert torch.equal(a[field], b[field]), field
                    assert a[field].dtype == b[field].dtype


def test_an_unshuffled_split_is_read_in_order(toy, tmp_path) -> None:
    train, *_ = loaders(tmp_path, shuffle=False)
    times = torch.cat([batch["timestamp"] for batch in train])
    assert torch.equal(times, train.dataset.inter_feat["timestamp"])


def test_loaders_that_sample_or_transform_rows_are_not_packed(toy, tmp_path) -> None:
    settings = {
        "train_neg_sample_args": {"distribution": "uniform", "sample_num": 1},
        "val_interval": {"label": "[1,1]"},
    }
    train, valid, _ = loaders(tmp_path, **settings)
    assert not isinstance(train, PackedLoader)
    assert isinstance(valid, PackedLoader)


def test_row_numbers_are_tensors(toy, tmp_path) -> None:
    train, *_ = loaders(tmp_path)
    import recbole.data.dataloader.abstract_dataloader as module

    module.start_iter = True  # only then does RecBole show torch's own data set
    try:
        assert isinstance(train._loader.dataset, range)
    finally:
        module.start_iter = False


def test_evaluation_by_user_has_the_same_rows_in_another_order(toy, tmp_path) -> None:
    config = Config("LLM4MSR_STAR", "toy", None, toy_settings(tmp_path, knowledge="random"))
    train, *others = data_preparation(config, create_dataset(config))
    assert train.order is None
    for loader in others:
        split = loader.dataset.inter_feat
        for field in split.interaction:
            seen = torch.cat([batch[0][field] for batch in loader])
            assert torch.equal(seen, split[field][loader.order]), field
        users = torch.cat([batch[0]["user_id"] for batch in loader])
        assert (users.diff() >= 0).all()
        assert len(users.unique()) < len(users)
