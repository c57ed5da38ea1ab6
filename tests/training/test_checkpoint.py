"""Resuming and testing a checkpoint on data with other ids; leftovers of killed runs."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from recbole.utils import init_seed

import recbole_llm4msr
from recbole_llm4msr import (
    Config,
    create_dataset,
    data_preparation,
    get_trainer,
    load_data_and_model,
)
from recbole_llm4msr.compat import copy_config, load_checkpoint
from tests.toy import toy_settings


def make(tmp_path, model: str = "STAR", config=None, **more):
    config = config or Config(model, "toy", None, toy_settings(tmp_path, **more))
    init_seed(config["seed"], True)
    loaders = data_preparation(config, create_dataset(config))
    built = config.model_class(config, loaders[0].dataset)
    return get_trainer(config["MODEL_TYPE"], model)(config, built), loaders


def reverse(toy) -> None:
    head, *rows = (toy / "toy.inter").read_text().splitlines()
    (toy / "toy.inter").write_text("\n".join([head, *rows[::-1]]) + "\n")


def test_resuming_on_reordered_rows_is_refused_before_it_trains(toy, tmp_path) -> None:
    first, (train, valid, _) = make(tmp_path)
    first.fit(train, valid)
    reverse(toy)
    resumed, (train, valid, _) = make(tmp_path, epochs=4)
    resumed.resume_checkpoint(first.saved_model_file)
    before = {name: value.clone() for name, value in resumed.model.state_dict().items()}
    with pytest.raises(ValueError, match=r"trained with other ids .*\(user_id, item_id\)"):
        resumed.fit(train, valid)
    after = resumed.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_resuming_with_the_checkpoints_configuration_keeps_its_ids(toy, tmp_path) -> None:
    first, (train, valid, _) = make(tmp_path)
    first.fit(train, valid)
    tokens = train.dataset.field2id_token["user_id"].tolist()
    reverse(toy)
    config = copy_config(load_checkpoint(first.saved_model_file)["config"], epochs=4)
    config.model_class = first.config.model_class
    resumed, (train, valid, test) = make(tmp_path, config=config)
    assert train.dataset.field2id_token["user_id"].tolist() == tokens
    resumed.resume_checkpoint(first.saved_model_file)
    resumed.fit(train, valid)
    result = resumed.evaluate(test)
    _, model, _, _, _, test = load_data_and_model(resumed.saved_model_file)
    again = get_trainer(config["MODEL_TYPE"], "STAR")(config, model)
    assert again.evaluate(test, load_best_model=False) == result


@pytest.mark.parametrize("model", ["STAR", "DeepFM"])
def test_testing_a_file_of_other_ids_is_refused(toy, tmp_path, model) -> None:
    first, (train, valid, test) = make(tmp_path, model)
    first.fit(train, valid)
    result = first.evaluate(test)
    same, (_, _, test) = make(tmp_path, model)
    assert same.evaluate(test, model_file=first.saved_model_file) == result
    reverse(toy)
    other, (_, _, test) = make(tmp_path, model)
    with pytest.raises(ValueError, match="trained with other ids"):
        other.evaluate(test, model_file=first.saved_model_file)


def test_a_checkpoint_of_a_killed_run_is_removed_by_the_next(toy, tmp_path, caplog) -> None:
    code = (
        "import os, signal, sys; from recbole_llm4msr.util.atomic_write import atomic_write\n"
        "with atomic_write(sys.argv[1]) as temporary:\n"
        "    temporary.write_bytes(b'half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    file = str(tmp_path / "saved" / "STAR-then.pth")
    root = str(Path(recbole_llm4msr.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root}
    subprocess.run([sys.executable, "-c", code, file], check=False, env=environment)
    (left,) = (tmp_path / "saved").iterdir()
    trainer, (train, valid, _) = make(tmp_path, state="INFO")
    with caplog.at_level(logging.INFO):
        trainer.fit(train, valid)
    assert not left.exists()
    assert f"Removed {left}" in caplog.text
    assert len(list((tmp_path / "saved").iterdir())) == 1


def test_the_vocabulary_is_encoded_once_a_training(toy, tmp_path, monkeypatch) -> None:
    from recbole_llm4msr.training import checkpoint

    calls = []
    encode = checkpoint.encode
    monkeypatch.setattr(checkpoint, "encode", lambda data: calls.append(1) or encode(data))
    trainer, (train, _, _) = make(tmp_path, epochs=3)
    trainer.fit(train, None)  # saves after every epoch
    assert len(calls) == 1
    assert not hasattr(trainer.config, "trained_data")
