"""RecBole on today's stack: what is patched works, and nothing else is touched."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import recbole.data
import recbole.quick_start
import recbole.trainer
import recbole.utils
import torch
from recbole.data.interaction import Interaction

import recbole_llm4msr
from recbole_llm4msr import compat
from tests.toy import toy_settings


@pytest.fixture
def in_fresh_process(fork_server, tmp_path):
    """Return a function that runs a program in a fresh process and returns its output."""

    def run(code: str) -> str:
        done = fork_server.run(code, output=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


def test_importing_brings_neither_ray_nor_transformers(in_fresh_process) -> None:
    code = "import recbole_llm4msr, sys; print({'ray', 'transformers'} & set(sys.modules))"
    assert in_fresh_process(code) == "set()"


def test_ray_is_imported_at_its_first_use(in_fresh_process) -> None:
    code = (
        "import recbole_llm4msr, sys; assert 'ray' not in sys.modules\n"
        "from recbole.quick_start import quick_start\n"
        "quick_start.tune.report(auc=0.5); print('ray' in sys.modules)\n"  # no trial of Ray's
        "print(callable(quick_start.tune.run), 'ray' in sys.modules)"
    )
    assert in_fresh_process(code).split() == ["False", "True", "True"]


def test_numpy_names_that_exist_are_left_alone() -> None:
    before = {name: getattr(np, name) for name in ("bool_", "float64", "int_", "long")}
    compat.apply()
    assert {name: getattr(np, name) for name in before} == before
    assert np.float is np.float64
    assert np.unicode_ is np.str_


@pytest.mark.parametrize(
    "index",
    [
        [3, 0, 0, -1],
        [],
        range(1, 6, 2),
        range(0),
        [True, False] * 4,
        np.array([2, 5]),
        np.arange(8) > 3,
        torch.tensor([7, 1]),
        torch.arange(8) < 2,
        slice(1, 4),
        5,
    ],
    ids=repr,
)
def test_rows_of_an_interaction_are_recboles(index) -> None:
    from recbole_llm4msr.compat.interaction_rows import RECBOLE_GETITEM

    rows = Interaction({"id": torch.arange(8), "words": torch.rand(8, 3)})
    ours, theirs = rows[index], RECBOLE_GETITEM(rows, index)
    for name in rows.interaction:
        assert torch.equal(ours[name], theirs[name])
        assert ours[name].dtype == theirs[name].dtype


@pytest.mark.parametrize("name", ["STAR", "SharedBottom", "LLM4MSR_STAR", "LLM4MSR_SharedBottom"])
def test_recbole_knows_our_models(name: str, in_fresh_process) -> None:
    assert recbole.utils.get_model(name) is recbole_llm4msr.get_model(name)
    code = (
        f"import recbole_llm4msr, recbole.utils; print(recbole.utils.get_model({name!r}).__name__)"
    )
    assert in_fresh_process(code) == name


def test_recbole_quick_start_trains_and_loads_our_model(toy, tmp_path, in_fresh_process) -> None:
    settings = toy_settings(tmp_path, knowledge="random")
    result = recbole.quick_start.run_recbole("LLM4MSR_STAR", "toy", config_dict=settings)
    assert "auc@search" in result["test_result"]
    (checkpoint,) = (tmp_path / "saved").glob("*.pth")
    code = (
        "import recbole_llm4msr, recbole.quick_start as q\n"
        f"config, model, *_ = q.load_data_and_model({str(checkpoint)!r})\n"
        "print(type(model).__name__, config['model'], config.model_class is type(model))"
    )
    assert in_fresh_process(code).splitlines()[-1] == "LLM4MSR_STAR LLM4MSR_STAR True"


def test_recbole_quick_start_loads_its_own_models_as_they_were_trained_here(toy, tmp_path) -> None:
    inter = toy / "toy.inter"  # scenarios appear in another order than that of their ids
    head, *rows = inter.read_text().splitlines(keepends=True)
    inter.write_text(head + "".join(sorted(rows, key=lambda row: row.split("\t")[2], reverse=True)))
    result = recbole_llm4msr.run("DeepFM", "toy", config_dict=toy_settings(tmp_path))
    (checkpoint,) = (tmp_path / "saved").glob("*.pth")
    loaded = recbole.quick_start.quick_start.load_data_and_model(str(checkpoint))
    config, model, *_, test = loaded
    trainer = recbole_llm4msr.get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
    assert trainer.evaluate(test, load_best_model=False) == result["test_result"]


def test_recbole_quick_start_leaves_its_own_models_to_recbole(toy, tmp_path) -> None:
    settings = toy_settings(tmp_path, load_col={"inter": ["user_id", "item_id", "label"]})
    result = recbole.quick_start.run_recbole("FM", "toy", config_dict=settings)
    assert set(result["test_result"]) == {"auc", "logloss"}


def test_checkpoint_with_something_else_in_it_is_refused_not_executed(tmp_path) -> None:
    class Hostile:
        def __reduce__(self):
            return (open, (str(tmp_path / "executed"), "w"))

    path = tmp_path / "hostile.pth"
    torch.save({"config": Hostile(), "state_dict": {}}, path)
    with pytest.raises(compat.CheckpointError, match="refused, nothing of it was executed"):
        compat.load_checkpoint(path)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    "content", [b"", b"no checkpoint at all", pickle.dumps({"a": 1}), b"PK\x03\x04 half a zip"]
)
def test_file_that_is_not_a_checkpoint_raises_with_its_name(tmp_path, content: bytes) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(content)
    with pytest.raises(compat.CheckpointError, match=r"model\.pth"):
        compat.load_checkpoint(path)


def test_checkpoint_without_a_model_is_named(tmp_path) -> None:
    path = tmp_path / "tensors.pth"
    torch.save({"weight": torch.zeros(2)}, path)
    with pytest.raises(compat.CheckpointError, match="lacks config and state_dict"):
        compat.load_checkpoint(path)
    with pytest.raises(FileNotFoundError, match="no such checkpoint"):
        compat.load_checkpoint(tmp_path / "none.pth")


@pytest.mark.parametrize("model", ["BPR", "EASE", "ItemKNN"])
def test_recboles_own_checkpoints_load_in_recbole(toy, tmp_path, model: str) -> None:
    settings = toy_settings(tmp_path, load_col={"inter": ["user_id", "item_id"]}, epochs=1)
    recbole.quick_start.run_recbole(model, "toy", config_dict=settings)
    (checkpoint,) = (tmp_path / "saved").glob("*.pth")
    assert recbole.quick_start.load_data_and_model(str(checkpoint))[0]["model"] == model


def test_a_users_own_model_class_survives_copies_and_checkpoints(toy, tmp_path) -> None:
    class Mine(recbole.utils.get_model("FM")):
        pass

    settings = toy_settings(tmp_path, load_col={"inter": ["user_id", "item_id", "label"]})
    config = recbole.config.Config(model=Mine, dataset="toy", config_dict=settings)
    twin = copy.deepcopy(config)
    assert twin.model_class is Mine
    assert twin.final_config_dict == config.final_config_dict
    twin["seed"] = 5
    assert config["seed"] == 2020
    assert pickle.loads(pickle.dumps(config)).model_class is None
    dataset = recbole.data.create_dataset(config)
    train, valid, test = recbole.data.data_preparation(config, dataset)
    trainer = recbole.trainer.Trainer(config, Mine(config, train.dataset))
    trainer.fit(train, valid)
    assert trainer.evaluate(test)["auc"] > 0  # from the checkpoint
