from __future__ import annotations

from pathlib import Path

import pytest
import torch
from recbole.trainer import Trainer
from recbole.utils import ModelType, init_seed

from recbole_llm4msr import CheckpointError, Config, create_dataset, data_preparation, get_trainer
from recbole_llm4msr.compat import load_checkpoint
from recbole_llm4msr.training.checkpoint import CheckpointMixin
from recbole_llm4msr.training.trainer import MultiScenarioTrainer, ScenarioTrainerMixin
from tests.toy import toy_settings


def make(tmp_path, model: str = "STAR", **more):
    config = Config(model, "toy", None, toy_settings(tmp_path, **more))
    init_seed(config["seed"], True)
    loaders = data_preparation(config, create_dataset(config))
    init_seed(config["seed"], True)
    built = config.model_class(config, loaders[0].dataset)
    return get_trainer(config["MODEL_TYPE"], model)(config, built), loaders


def test_every_model_gets_a_trainer_that_reports_scenarios() -> None:
    assert get_trainer(ModelType.CONTEXT, "LLM4MSR_STAR") is MultiScenarioTrainer
    assert issubclass(get_trainer(ModelType.CONTEXT, "DeepFM"), (ScenarioTrainerMixin, Trainer))
    general = get_trainer(ModelType.GENERAL, "BPR")
    assert issubclass(general, (CheckpointMixin, Trainer))
    assert not issubclass(general, ScenarioTrainerMixin)


def test_training_resumes_where_it_stopped(toy, tmp_path) -> None:
    through, (train, valid, _) = make(tmp_path, epochs=3, dropout_prob=0.0)
    through.fit(train, valid, saved=False)
    half, (train, valid, _) = make(tmp_path, epochs=2, dropout_prob=0.0)
    half.fit(train, valid)
    half._save_checkpoint(1)
    resumed, (train, valid, _) = make(tmp_path, epochs=3, dropout_prob=0.0)
    for _ in range(2):  # the loader's order moves on with every epoch
        for _ in train:
            pass
    resumed.resume_checkpoint(half.saved_model_file)
    assert resumed.start_epoch == 2
    resumed.fit(train, valid, saved=False)
    for mine, theirs in zip(resumed.model.parameters(), through.model.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_two_runs_started_in_the_same_second_write_different_checkpoints(toy, tmp_path) -> None:
    first, second = (make(tmp_path, seed=seed)[0] for seed in (1, 2))
    second.saved_model_file = second._proposed_file = first.saved_model_file
    for trainer in (first, second, first):
        trainer._save_checkpoint(0)
    files = [Path(trainer.saved_model_file) for trainer in (first, second)]
    assert sorted((tmp_path / "saved").glob("*")) == sorted(files)
    for trainer, file in zip((first, second), files, strict=True):
        kept = load_checkpoint(file)["state_dict"]
        assert all(torch.equal(kept[name], v) for name, v in trainer.model.state_dict().items())


def test_a_checkpoint_is_written_atomically(toy, tmp_path, monkeypatch) -> None:
    trainer, _ = make(tmp_path)
    trainer._save_checkpoint(0)
    before = (tmp_path / "saved").glob("*")
    content = {path: path.read_bytes() for path in before}

    def full_disk(state, file, **_):
        Path(file).write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OSError, match="No space left"):
        trainer._save_checkpoint(1)
    assert {path: path.read_bytes() for path in (tmp_path / "saved").glob("*")} == content


def test_resuming_from_a_file_that_is_not_a_checkpoint_raises(toy, tmp_path) -> None:
    trainer, _ = make(tmp_path)
    (tmp_path / "x.pth").write_bytes(b"no")
    with pytest.raises(CheckpointError, match=r"x\.pth"):
        trainer.resume_checkpoint(tmp_path / "x.pth")


def test_ranking_metrics_are_left_to_recbole(toy, tmp_path) -> None:
    settings = toy_settings(
        tmp_path,
        metrics=["Recall"],
        valid_metric="Recall@5",
        topk=[5],
        eval_args={"mode": "uni10", "split": {"RS": [0.8, 0.1, 0.1]}, "order": "RO"},
        val_interval={"label": "[1,1]"},  # a ranking takes every row for a positive one
    )
    config = Config("FM", "toy", None, settings)
    loaders = data_preparation(config, create_dataset(config))
    built = config.model_class(config, loaders[0].dataset)
    trainer = get_trainer(config["MODEL_TYPE"], "FM")(config, built)
    _, result = trainer.fit(loaders[0], loaders[1], saved=False)
    assert set(result) == {"recall@5"}


def test_a_compiled_model_gives_the_results_of_a_plain_one(toy, tmp_path) -> None:
    results = []
    for choice in (False, True):
        trainer, (train, valid, _) = make(tmp_path, "SharedBottom", epochs=1, torch_compile=choice)
        results.append(trainer.fit(train, valid)[1])
        state = load_checkpoint(trainer.saved_model_file)["state_dict"]
        assert not any("_orig_mod" in name for name in state)
    assert results[0] == pytest.approx(results[1], abs=1e-5)


def test_gradients_are_unscaled_before_they_are_clipped(toy, tmp_path) -> None:
    kept = []
    for scaled in (False, True):
        trainer, (train, _, _) = make(tmp_path, clip_grad_norm={"max_norm": 0.1}, learner="sgd")
        trainer.enable_scaler = scaled  # on a GPU, a setting
        trainer._train_epoch(train, 0)
        kept.append([p.detach().clone() for p in trainer.model.parameters()])
    for plain, scaled in zip(*kept, strict=True):
        torch.testing.assert_close(scaled, plain, rtol=1e-4, atol=1e-6)


def test_torch_compile_without_a_cpp_compiler_raises(toy, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(ValueError, match="torch_compile: there is no C"):
        make(tmp_path, torch_compile=True)


def test_predictions_are_in_the_order_of_the_split(toy, tmp_path) -> None:
    rows = []
    for plan in ("rows", "auto"):
        trainer, (_, _, test) = make(tmp_path, "LLM4MSR_STAR", knowledge="random", meta_plan=plan)
        rows.append(trainer.predict_rows(test))
        assert (test.order is None) is (plan == "rows")
    for key in ("data.user", "data.item", "data.scenario", "data.label", "rec.score"):
        torch.testing.assert_close(rows[0].get(key), rows[1].get(key))
    assert torch.equal(rows[1].get("data.user"), test.dataset.inter_feat["user_id"])
