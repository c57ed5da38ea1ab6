"""Rows drawn by scenario: how many of each, which, and by every loader of a run."""

import numpy as np
import pytest
import torch
from recbole.data.dataloader import TrainDataLoader
from recbole.utils import init_seed
from torch.utils.data import DistributedSampler

from recbole_llm4msr import Config, create_dataset, data_preparation
from recbole_llm4msr.data.loading.packed import PackedLoader
from recbole_llm4msr.data.loading.scenario_sampler import (
    ScenarioSampler,
    draw,
    rows_to_draw,
    sampling_power,
)

ROWS = {"big": 300, "middle": 90, "small": 10}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """400 training rows of three very unequal scenarios, every item its own row's."""
    folder = tmp_path_factory.mktemp("unequal")
    (folder / "unequal").mkdir()
    lines = ["user_id:token\titem_id:token\tscenario:token\tlabel:float"]
    for scenario, n in ROWS.items():
        lines += [f"u{i % 7}\t{scenario}{i}\t{scenario}\t{i % 2}" for i in range(n)]
    for part, rows in {"train": lines[1:], "valid": lines[1:9], "test": lines[1:9]}.items():
        path = folder / "unequal" / f"unequal.{part}.inter"
        path.write_text("\n".join([lines[0], *rows]) + "\n")
    return folder


def load(folder, model="SharedBottom", **options):
    config = Config(
        model,
        "unequal",
        config_dict={
            "data_path": str(folder),
            "benchmark_filename": ["train", "valid", "test"],
            "load_col": {"inter": ["user_id", "item_id", "scenario", "label"]},
            "train_batch_size": 64,
            "use_gpu": False,
            **options,
        },
    )
    init_seed(1, True)
    return data_preparation(config, create_dataset(config))


def epoch(loader):
    """Ids of the scenarios and items of an epoch's rows, and the sizes of its batches."""
    batches = list(loader)
    fields = [torch.cat([b[f] for b in batches]).numpy() for f in ("scenario", "item_id")]
    return *fields, [len(b) for b in batches]


@pytest.mark.parametrize(
    ("power", "expected"),
    [(1.0, [300, 90, 10]), (0.0, [134, 133, 133]), (0.5, [231, 127, 42])],
)
def test_rows_to_draw_follow_the_power(power, expected):
    assert rows_to_draw(np.array([300, 90, 10]), power).tolist() == expected


def test_a_scenario_without_rows_is_not_drawn():
    assert rows_to_draw(np.array([30, 0, 10]), 0.0).tolist() == [20, 0, 20]


def test_rows_of_a_scenario_are_used_equally_often():
    scenario = np.repeat([0, 1, 2], [300, 90, 10])
    drawn = draw(scenario, np.array([134, 133, 133]), np.random.default_rng(0))
    times = np.bincount(drawn, minlength=400)
    assert set(times[:300]) == {0, 1}
    assert set(times[300:390]) == {1, 2}
    assert set(times[390:]) == {13, 14}
    assert np.bincount(scenario[drawn]).tolist() == [134, 133, 133]
    assert np.ptp(np.flatnonzero(scenario[drawn] == 2)) > 300, "not mixed"


def test_natural_sampling_is_recboles_own_loader(folder):
    loaders = load(folder, packed_loader=False)
    assert type(loaders[0]) is TrainDataLoader
    scenario, item, _ = epoch(loaders[0])
    assert np.bincount(scenario)[1:].tolist() == [300, 90, 10]
    assert len(set(item)) == 400


@pytest.mark.parametrize("packed", [True, False])
def test_a_balanced_epoch_draws_equally_many_rows_of_every_scenario(folder, packed):
    train, valid, _ = load(folder, scenario_sampling="balanced", packed_loader=packed)
    assert isinstance(train, PackedLoader) == packed
    first, second = epoch(train), epoch(train)
    for scenario, item, sizes in (first, second):
        assert np.bincount(scenario)[1:].tolist() == [134, 133, 133]
        assert sizes == [64] * 6 + [16]
        assert len(set(item[scenario == 3])) == 10
    assert set(first[1]) != set(second[1]), "every epoch draws its own rows"
    assert len(valid.dataset) == 8, "evaluation is left alone"


def test_the_seed_determines_the_draw(folder):
    def items(**options):
        return epoch(load(folder, scenario_sampling=0.5, **options)[0])[1].tolist()

    assert items() == items()
    assert items() != items(seed=4)


def test_packed_batches_are_the_same(folder):
    packed, plain = (
        load(folder, scenario_sampling="balanced", packed_loader=p)[0] for p in (True, False)
    )
    for _ in range(2):
        for a, b in zip(packed, plain, strict=True):
            assert all(torch.equal(a[field], b[field]) for field in b.interaction)


def test_processes_of_a_distributed_run_share_an_epoch(folder):
    dataset = load(folder)[0].dataset
    whole = ScenarioSampler(dataset, 0.0, seed=3)
    parts = [
        ScenarioSampler(
            dataset, 0.0, seed=3, part=DistributedSampler(range(400), num_replicas=2, rank=rank)
        )
        for rank in (0, 1)
    ]
    for number in (0, 1):
        for part in parts:
            part.set_epoch(number)
        drawn = [list(part) for part in parts]
        assert [len(d) for d in drawn] == [len(p) for p in parts] == [200, 200]
        assert sorted(drawn[0] + drawn[1]) == sorted(whole)


def test_batches_are_mixed(folder):
    train = load(folder, scenario_sampling="balanced")[0]
    for batch in list(train)[:-1]:
        assert (torch.bincount(batch["scenario"])[1:] > 5).all()


def test_sampled_rows_keep_their_columns_together(folder):
    """A drawn row keeps its own user, item, scenario and label together."""
    train = load(folder, scenario_sampling="balanced")[0]
    feat, data = train.dataset.inter_feat, train.dataset
    rows = {
        tuple(int(feat[f][i]) for f in ("item_id", "user_id", "scenario", "label"))
        for i in range(len(data))
    }
    for batch in train:
        fields = (batch[f].tolist() for f in ("item_id", "user_id", "scenario", "label"))
        assert {tuple(map(int, row)) for row in zip(*fields, strict=True)} <= rows


def test_scenario_sampling_works_with_models_of_recbole(folder):
    train = load(folder, model="DeepFM", scenario_sampling="balanced")[0]
    assert np.bincount(epoch(train)[0])[1:].tolist() == [134, 133, 133]


@pytest.mark.parametrize("setting", ["even", -0.1, 1.5, True, [1]])
def test_invalid_settings_raise(folder, setting):
    with pytest.raises(ValueError, match=r"scenario_sampling: .* is not `natural`, `balanced`"):
        load(folder, scenario_sampling=setting)


def test_settings():
    assert [sampling_power(s) for s in (None, "natural", "balanced", 0.5, 1)] == [1, 1, 0, 0.5, 1]


def test_scenario_sampling_without_scenarios_raises(folder):
    with pytest.raises(ValueError, match="set SCENARIO_FIELD"):
        load(folder, model="DeepFM", scenario_sampling="balanced", SCENARIO_FIELD=None)
