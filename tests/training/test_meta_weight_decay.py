"""Decoupled weight decay reaches the meta networks, and nothing else."""

from __future__ import annotations

import pytest
import torch
from recbole.utils import init_seed
from torch import nn

from recbole_llm4msr import Config, create_dataset, data_preparation, get_model, get_trainer
from recbole_llm4msr.training.optim.meta_weight_decay import decay_before_steps
from tests.toy import toy_settings


def trained(tmp_path, model="LLM4MSR_STAR", **more):
    """The weights after one epoch, by name."""
    settings = toy_settings(tmp_path, **{"epochs": 1, "knowledge": "lsa", **more})
    config = Config(model, "toy", None, settings)
    init_seed(config["seed"], True)
    loaders = data_preparation(config, create_dataset(config))
    network = get_model(model)(config, loaders[0].dataset)
    trainer = get_trainer(config["MODEL_TYPE"], model)(config, network)
    trainer.fit(loaders[0], saved=False)
    return {name: p.detach().clone() for name, p in network.named_parameters()}


@pytest.mark.parametrize("learner", ["adam", "sgd", "adagrad", "rmsprop"])
@pytest.mark.parametrize("fused", [True, False])
def test_the_parameters_that_are_given_shrink_before_the_step(learner, fused) -> None:
    makers = {
        "adam": lambda p: torch.optim.Adam(p, lr=0.1, fused=fused),
        "sgd": lambda p: torch.optim.SGD(p, lr=0.1, fused=fused),
        "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1),
        "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.1),
    }
    torch.manual_seed(0)
    start, other = torch.randn(4, 3), torch.randn(5)
    shrunk, kept, by_hand = (nn.Parameter(x.clone()) for x in (start, other, start))
    optimizer = makers[learner]([shrunk, kept])
    decay_before_steps(optimizer, [shrunk], 0.5)
    slow, alone = makers[learner]([by_hand]), nn.Parameter(other.clone())
    plain = makers[learner]([alone])
    for _ in range(5):
        gradient, its_gradient = torch.randn(4, 3), torch.randn(5)
        shrunk.grad, by_hand.grad = gradient.clone(), gradient.clone()
        kept.grad, alone.grad = its_gradient.clone(), its_gradient.clone()
        optimizer.step()
        by_hand.data = by_hand.data * (1 - 0.1 * 0.5)
        slow.step()
        plain.step()
    torch.testing.assert_close(shrunk, by_hand)
    assert torch.equal(kept, alone)


def test_with_adam_it_is_adamw() -> None:
    torch.manual_seed(0)
    ours = nn.Linear(6, 4)
    theirs = nn.Linear(6, 4)
    theirs.load_state_dict(ours.state_dict())
    optimizer = torch.optim.Adam(ours.parameters(), lr=0.05)
    decay_before_steps(optimizer, ours.parameters(), 2.0)
    adamw = torch.optim.AdamW(theirs.parameters(), lr=0.05, weight_decay=2.0)
    for _ in range(20):
        x = torch.randn(8, 6)
        for model, stepper in ((ours, optimizer), (theirs, adamw)):
            stepper.zero_grad()
            model(x).square().sum().backward()
            stepper.step()
    torch.testing.assert_close(ours.weight, theirs.weight)
    torch.testing.assert_close(ours.bias, theirs.bias)


@pytest.mark.parametrize("overflow", [False, True])
def test_a_step_that_a_loss_scaler_skips_shrinks_nothing(overflow) -> None:
    parameter = nn.Parameter(torch.ones(3))
    optimizer = torch.optim.SGD([parameter], lr=0.1, fused=True)
    decay_before_steps(optimizer, [parameter], 1.0)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    scaler.scale((parameter * (float("inf") if overflow else 0.0)).sum()).backward()
    scaler.step(optimizer)
    torch.testing.assert_close(parameter.data, torch.full((3,), 1.0 if overflow else 0.9))


@pytest.mark.parametrize("decay", [-0.1, 10.0])
def test_a_decay_outside_its_range_is_refused(decay) -> None:
    optimizer = torch.optim.Adam([nn.Parameter(torch.ones(2))], lr=0.1)
    with pytest.raises(ValueError, match="from 0 to 1 / learning_rate = 10"):
        decay_before_steps(optimizer, [], decay)


@pytest.mark.parametrize("tables", ["dense", "deferred_adam"])
def test_the_meta_networks_shrink_in_a_training(toy, tmp_path, tables) -> None:
    free, decayed = (
        trained(tmp_path, meta_weight_decay=decay, embedding_optimizer=tables)
        for decay in (0.0, 100.0)
    )
    meta = [name for name in free if not name.startswith("backbone.")]
    norm, norm_without = (
        torch.cat([weights[name].flatten() for name in meta]).norm() for weights in (decayed, free)
    )
    assert norm < 0.8 * norm_without


def test_the_backbone_is_not_shrunk(toy, tmp_path) -> None:
    """In the first step gradients do not depend on the decay: only shrinking could differ."""
    one_step = {"train_batch_size": 100_000}
    free, decayed = (trained(tmp_path, meta_weight_decay=d, **one_step) for d in (0.0, 100.0))
    differing = {name for name in free if not torch.equal(free[name], decayed[name])}
    assert differing
    assert not [name for name in differing if name.startswith("backbone.")]
