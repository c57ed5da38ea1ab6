"""Properties that every model must have, tested for each."""

from __future__ import annotations

import copy
import importlib
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from recbole.data.transform import construct_transform
from recbole.utils import get_flops
from torch.utils.flop_counter import FlopCounterMode

from recbole_llm4msr import get_model, get_trainer

from .cases import (
    BACKBONES,
    MODELS,
    NEVER_USED,
    NO_SINGLE_ROW_TRAINING,
    RUNS_OTHER_SCENARIOS,
    WRITTEN_IN_FORWARD,
)
from .small import only_scenario, perturb, rows

every_model = pytest.mark.parametrize("name", MODELS)
every_backbone = pytest.mark.parametrize("name", BACKBONES)


def train_steps(model: torch.nn.Module, batch, n_steps: int) -> list[float]:
    """Take some steps on a batch and return their losses."""
    torch.manual_seed(0)  # of dropout
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    model.train()
    for _ in range(n_steps):
        optimizer.zero_grad()
        loss = model.calculate_loss(batch)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def close(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Equal to 1e-5 of the largest logit: but for the order in which products add up."""
    largest = max(1.0, float(b.detach().abs().max()))
    return a.shape == b.shape and float((a - b).detach().abs().max()) <= 1e-5 * largest


@every_backbone
def test_agrees_with_the_slow_version(name, small):
    model = perturb(small.build(name)).eval()
    module = type(model).__module__.rpartition(".")[2]
    reference = importlib.import_module(f".reference.{module}", __package__)
    with torch.no_grad():
        x, scenario = model.embed(small.batch), model.scenario_of(small.batch)
        fast = model.score(x, scenario)
    slow = reference.score(model, x, scenario)
    assert fast.std() > 1e-3, "the parameters make all rows alike, nothing is compared"
    assert close(fast, torch.as_tensor(slow))


@every_model
@torch.no_grad()
def test_a_row_does_not_depend_on_its_batch(name, small):
    model, batch = perturb(small.build(name)).eval(), small.batch
    whole = model(batch)
    assert whole.shape == (len(batch),)
    alone = torch.cat([model(rows(batch, [i])) for i in range(len(batch))])
    assert close(alone, whole)
    turned = torch.arange(len(batch)).flip(0)
    assert close(model(rows(batch, turned)), whole[turned])
    for scenario_id in (1, 2, 3):  # one scenario only, then all but one
        own = only_scenario(batch, scenario_id)
        assert close(model(rows(batch, own)), whole[own])
        others = (batch["scenario"] != scenario_id).nonzero().squeeze(1)
        assert close(model(rows(batch, others)), whole[others])


@every_model
def test_every_parameter_gets_a_gradient_within_three_steps(name, small):
    model = small.build(name).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    still = dict(model.named_parameters())
    for _ in range(3):
        optimizer.zero_grad()
        model.calculate_loss(small.batch).backward()
        still = {n: p for n, p in still.items() if p.grad is None or not p.grad.any()}
        optimizer.step()
    still = {n for n in still if not n.startswith(NEVER_USED.get(name, ("-",)))}
    assert not still, f"without a gradient: {sorted(still)}"


def state_of(model: torch.nn.Module) -> dict[str, Any]:
    """Everything a model remembers: tensors, and plain values on any of its modules."""
    state: dict[str, Any] = {}
    for path, module in model.named_modules():
        for key, value in vars(module).items():
            if key.startswith("_") and key != "_buffers" and key != "_parameters":
                continue
            state[f"{path}.{key}"] = copied(value)
    return state


def copied(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: copied(part) for key, part in value.items()}
    return copy.copy(value)


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (bool, int, float, str, list, tuple, type(None))):
        return a == b
    return True


@every_model
def test_evaluation_changes_no_state(name, small):
    model = small.build(name)
    train_steps(model, small.batch, 2)
    model.eval()
    before = state_of(model)
    with torch.no_grad():
        first = model.predict(small.batch)
        model.calculate_loss(small.batch)
        model.predict(rows(small.batch, [0]))
        again = model.predict(small.batch)
    after = state_of(model)
    for key in WRITTEN_IN_FORWARD.get(name, ()):
        del before[key], after[key]
    assert after.keys() == before.keys()
    assert [key for key in before if not same(before[key], after[key])] == []
    assert torch.equal(first, again)


@every_model
def test_deterministic(name, small):
    runs = []
    for _ in range(2):
        model = small.build(name)
        losses = train_steps(model, small.batch, 3)
        with torch.no_grad():
            runs.append((losses, model.eval().predict(small.batch)))
    assert runs[0][0] == runs[1][0]
    assert torch.equal(runs[0][1], runs[1][1])


@every_model
def test_predictions_are_probabilities(name, small):
    model = small.build(name).eval()
    with torch.no_grad():
        probabilities = model.predict(small.batch)
        assert torch.equal(probabilities, torch.sigmoid(model(small.batch)))
    assert probabilities.shape == (len(small.batch),)
    assert ((probabilities > 0) & (probabilities < 1)).all()


@every_model
@pytest.mark.parametrize("present", [[2], [1, 3], "one row"])
def test_training_steps_without_a_scenario(name, present, small):
    model = small.build(name)
    train_steps(model, small.batch, 1)
    if present == "one row":
        if name in NO_SINGLE_ROW_TRAINING:
            with pytest.raises(ValueError, match="more than 1 value per channel"):
                train_steps(model, rows(small.batch, [0]), 1)
            return
        part = rows(small.batch, [0])
    else:
        index = torch.cat([only_scenario(small.batch, s) for s in present])
        part = rows(small.batch, index)
    assert all(math.isfinite(loss) for loss in train_steps(model, part, 2))
    assert all(torch.isfinite(p).all() for p in model.parameters())
    with torch.no_grad():
        assert torch.isfinite(model.eval()(small.batch)).all()


@every_model
def test_bfloat16(name, small):
    model = small.build(name)
    train_steps(model, small.batch, 2)
    model.eval()
    with torch.no_grad():
        exact = model(small.batch)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rough = model(small.batch).float()
    assert torch.allclose(rough, exact, rtol=0.1, atol=0.1)
    model.train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = model.calculate_loss(small.batch)
    loss.backward()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in model.parameters())


@every_model
def test_runs_on_ids_alone(name, only_ids):
    model = only_ids.build(name)
    losses = train_steps(model, only_ids.batch, 8)
    assert losses[-1] < losses[0]


@every_model
def test_operations_can_be_counted(name, small):
    """RecBole counts them before training, on a deep copy and a single row."""
    config, model = small.config(name), small.build(name)
    flops = get_flops(model, small.train, "cpu", small.train.logger, construct_transform(config))
    assert flops > 0


def flops_of(model: torch.nn.Module, n_rows: int = 120) -> int:
    """Operations of one forward pass over rows that are spread evenly over the scenarios."""
    x = torch.zeros(n_rows, model.input_size)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model.eval().score(x, torch.arange(n_rows) % model.n_scenarios)
    return counter.get_total_flops()


@every_backbone
def test_a_row_runs_its_own_scenario_only(name, two_scenarios, ten_scenarios):
    few, many = (flops_of(data.build(name)) for data in (two_scenarios, ten_scenarios))
    assert few > 0
    if name in RUNS_OTHER_SCENARIOS:
        assert many > few, f"{name} runs its own scenario only: take it off the list"
    else:
        assert many <= 1.3 * few


def test_ple_of_one_level_runs_its_own_scenario_only(two_scenarios, ten_scenarios):
    few, many = (flops_of(d.build("PLE", n_levels=1)) for d in (two_scenarios, ten_scenarios))
    assert many <= 1.3 * few


def test_saved_models_load_in_a_fresh_process(small, tmp_path):
    """One process loads them all: each scores as it did before it was saved."""
    for name in MODELS:
        config, model = small.config(name), small.build(name)
        train_steps(model, small.batch, 2)
        trainer = get_trainer(config["MODEL_TYPE"], name)(config, model)
        trainer._save_checkpoint(0, verbose=False, saved_model_file=tmp_path / f"{name}.pth")
        with torch.no_grad():
            torch.save(model.eval().predict(small.batch), tmp_path / f"{name}.pt")
    torch.save(
        {"batch": small.batch.interaction, "knowledge": vars(small.train.knowledge)},
        tmp_path / "inputs",
    )
    script = Path(__file__).with_name("load_in_fresh_process.py")
    done = subprocess.run(
        [sys.executable, script, tmp_path],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == sorted(MODELS)


@every_model
def test_recbole_finds_the_model_by_name(name):
    import recbole.utils

    assert recbole.utils.get_model(name) is get_model(name)
