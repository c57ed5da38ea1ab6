"""Loss weights by scenario: off they change nothing, on they weigh rows, with every twin alike."""

import pytest
import torch
import torch.nn.functional as F

from recbole_llm4msr import data_preparation
from recbole_llm4msr.model.scenario_loss import scenario_weights

from .small import perturb

#: AdaSparse adds a term of its own to the loss, while training; DeepFM's is RecBole's.
with_twins = pytest.mark.parametrize(
    "name", ["STAR", "LLM4MSR_STAR", "LLM4MSR_AdaSparse", "LLM4MSR_DeepFM"]
)


def loss_of(model, batch):
    with torch.no_grad():
        return model.eval().calculate_loss(batch)


def row_losses(model, batch):
    with torch.no_grad():
        return F.binary_cross_entropy_with_logits(
            model.eval()(batch), batch["label"], reduction="none"
        )


@with_twins
def test_without_weights_the_loss_is_the_plain_mean(name, small):
    model = perturb(small.build(name))
    assert torch.equal(loss_of(model, small.batch), row_losses(model, small.batch).mean())


@with_twins
def test_weights_multiply_the_loss_of_rows(name, small):
    model = perturb(small.build(name, scenario_loss_weight={"s0": 2, "s2": 0.5}))
    weight = torch.tensor([0.0, 2.0, 1.0, 0.5])[small.batch["scenario"]]
    expected = (weight * row_losses(model, small.batch)).mean()
    assert torch.allclose(loss_of(model, small.batch), expected)


@pytest.mark.parametrize("name", ["STAR", "LLM4MSR_STAR"])
def test_a_weight_of_zero_takes_a_scenario_out(name, small):
    model = small.build(name, scenario_loss_weight={"s0": 0}).train()
    model.calculate_loss(small.batch).backward()
    of_scenarios = getattr(model, "backbone", model).star[0].weight_s.grad
    assert [bool(grad.any()) for grad in of_scenarios] == [False, True, True]


@with_twins
def test_balanced_is_the_mean_of_the_scenarios_losses(name, small):
    model = perturb(small.build(name, scenario_loss_weight="balanced"))
    train = small.train[torch.arange(len(small.train))]
    losses = row_losses(model, train)
    means = [losses[train["scenario"] == s].mean() for s in (1, 2, 3)]
    assert torch.allclose(loss_of(model, train), torch.stack(means).mean())


def test_weights_are_not_saved_in_a_checkpoint(small):
    plain, weighted = small.build("STAR"), small.build("STAR", scenario_loss_weight="balanced")
    assert plain.state_dict().keys() == weighted.state_dict().keys()
    weighted.load_state_dict(plain.state_dict())


def test_balanced_weights():
    weights = scenario_weights("balanced", ["a", "b", "c"], torch.tensor([60, 0, 20]))
    assert weights[[0, 2]].tolist() == pytest.approx([80 / 120, 80 / 40])
    assert torch.isfinite(weights).all()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("even", "'even' is not `balanced` or"),
        ({"fashon": 2}, "no scenario 'fashon' among beauty, fashion; did you mean fashion?"),
        ({"beauty": -1}, "beauty: -1 is below 0"),
        ({"beauty": float("nan")}, "beauty: nan is below 0 or not finite"),
        ({"beauty": "2"}, "beauty: '2' is not a number"),
        ({"beauty": True}, "beauty: True is not a number"),
    ],
)
def test_invalid_settings_raise(setting, message):
    with pytest.raises(ValueError) as error:
        scenario_weights(setting, ["beauty", "fashion"], torch.tensor([3, 4]))
    assert message in str(error.value)


def test_models_of_recbole_have_a_loss_of_their_own(small):
    config = small.config("DeepFM", scenario_loss_weight="balanced")
    with pytest.raises(ValueError, match="DeepFM is a model of RecBole's own"):
        data_preparation(config, small.train)
