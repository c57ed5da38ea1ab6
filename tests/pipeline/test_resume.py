"""``resume``: a training that was stopped ends with the result of one that was not."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import torch

from recbole_llm4msr import ConfigError, run
from recbole_llm4msr.compat import load_checkpoint
from tests.toy import toy_settings


def train(folder: Path, model: str, epochs: int, **more) -> tuple[dict, dict, Path]:
    """Result, its JSON and the checkpoint of a run."""
    settings = toy_settings(folder, stopping_step=9)
    settings |= {
        "epochs": epochs,
        "valid_metric": "LogLoss",
        **more,
        "result_json": str(folder / "result.json"),
    }
    before = set((folder / "saved").glob("*.pth"))
    result = run(model, "toy", config_dict=settings, command_line=[])
    written = json.loads((folder / "result.json").read_text())
    file = next(iter(set((folder / "saved").glob("*.pth")) - before), None)
    return result, written, file


@pytest.mark.parametrize(
    ("model", "more"),
    [
        ("LLM4MSR_STAR", {"dropout_prob": 0.3, "meta_dropout_prob": 0.3}),
        ("MMoE", {"scenario_sampling": "balanced", "embedding_optimizer": "deferred_adam"}),
        ("DeepFM", {"packed_loader": False}),
    ],
)
def test_a_resumed_training_ends_like_one_without_a_stop(toy, tmp_path, model, more) -> None:
    whole, written, file = train(tmp_path, model, 5, **more)
    weights = load_checkpoint(file)["state_dict"]
    _, _, half = train(tmp_path, model, 2, **more)
    assert load_checkpoint(half)["epoch"] < load_checkpoint(file)["epoch"]
    result, again, _ = train(tmp_path, model, 5, resume=str(half), **more)
    assert result == whole
    for key in ("epochs", "curve"):
        assert again[key] == written[key]
    resumed = load_checkpoint(half)["state_dict"]  # it goes on in the same file
    for name, value in weights.items():
        if name.endswith("_extra_state"):  # the fingerprint of the knowledge
            assert resumed[name] == value
        else:  # deferred_adam: up to rounding
            torch.testing.assert_close(resumed[name], value)


def test_negatives_are_drawn_as_without_a_stop(toy, tmp_path) -> None:
    more = {
        "train_neg_sample_args": {"distribution": "uniform", "sample_num": 1},
        "eval_args": {"mode": "uni5", "order": "RO", "split": {"RS": [0.8, 0.1, 0.1]}},
        "metrics": ["MRR"],
        "valid_metric": "MRR@10",
        "load_col": {"inter": ["user_id", "item_id"]},
    }
    whole, _, _ = train(tmp_path, "BPR", 5, **more)
    _, _, half = train(tmp_path, "BPR", 2, **more)
    assert train(tmp_path, "BPR", 5, resume=str(half), **more)[0] == whole


def test_what_cannot_be_continued_is_refused(toy, tmp_path, caplog) -> None:
    _, _, file = train(tmp_path, "SharedBottom", 2)
    done = load_checkpoint(file)["epoch"] + 1
    with pytest.raises(ConfigError, match=rf"for {done} epochs; .* Set --epochs={done + 1} or"):
        train(tmp_path, "SharedBottom", done, resume=str(file))
    with pytest.raises(ConfigError, match="is of the model SharedBottom, and this run of STAR"):
        train(tmp_path, "STAR", 3, resume=str(file))
    with pytest.raises(FileNotFoundError, match=r"none\.pth"):
        train(tmp_path, "STAR", 3, resume=str(tmp_path / "none.pth"))
    with caplog.at_level(logging.WARNING):
        train(tmp_path, "SharedBottom", 3, resume=str(file), learning_rate=0.5)
    assert "learning_rate: 0.001, now 0.5" in caplog.text
