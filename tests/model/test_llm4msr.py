"""LLM4MSR around a backbone: added layers, and unchanged parts of the backbone."""

from __future__ import annotations

import importlib

import pytest
import torch
from recbole.data.interaction import Interaction

from recbole_llm4msr import get_model
from recbole_llm4msr.model.llm4msr import KNOWLEDGE_INDEX
from recbole_llm4msr.model.llm4msr.generated_weight import generated_weight

from .cases import ENHANCED, OWN
from .reference import llm4msr as reference
from .small import fake_knowledge, perturb
from .test_every_model import close, train_steps

OFF = {"use_user_meta": False, "use_scenario_meta": False}
every_enhanced = pytest.mark.parametrize("name", ENHANCED)


def plain(name: str) -> str:
    return name.removeprefix("LLM4MSR_")


def predict(model: torch.nn.Module, batch: Interaction) -> torch.Tensor:
    with torch.no_grad():
        return model.eval().predict(batch)


@every_enhanced
def test_with_both_levels_off_it_trains_as_its_backbone(name, small):
    model, backbone = small.build(name, **OFF), small.build(plain(name))
    # DCNV2 takes its loss from probabilities, which is the same but for rounding; FwFM leaves some
    # of its weights untrained. The first step is where they have to agree.
    steps = 1 if name in ("LLM4MSR_DCNV2", "LLM4MSR_FwFM") else 3
    loss = train_steps(model, small.batch, steps)
    assert loss == pytest.approx(train_steps(backbone, small.batch, steps), rel=1e-6)
    if steps > 1:  # a sum of gradients is rounded in an order that the processor decides
        expected = predict(backbone, small.batch)
        torch.testing.assert_close(predict(model, small.batch), expected, rtol=1e-5, atol=0)


@every_enhanced
def test_untrained_it_scores_as_its_backbone_bit_for_bit(name, small):
    expected = predict(small.build(plain(name)), small.batch)
    for meta_rank in ("full", 3, "diag"):
        model = small.build(name, meta_rank=meta_rank, user_meta_layers=2)
        assert torch.equal(predict(model, small.batch), expected)


@every_enhanced
def test_both_levels_are_trained(name, small):
    model = small.build(name)
    train_steps(model, small.batch, 5)
    logits = model.eval()(small.batch)
    for level in ("user_meta", "scenario_meta"):
        kept = getattr(model, level)
        setattr(model, level, None)
        assert not close(model(small.batch), logits), f"{level} changes nothing"
        setattr(model, level, kept)


def test_each_scenario_is_scored_with_its_own_knowledge(small):
    """Exchanging the scenarios' vectors changes scores, giving all the same changes others."""
    model = perturb(small.build("LLM4MSR_STAR"))
    before = predict(model, small.batch)
    vectors = model.knowledge.scenario
    for other in (vectors.flip(0), vectors[:1].expand_as(vectors)):
        model.knowledge.scenario = other.contiguous()
        changed = predict(model, small.batch) != before
        for scenario in range(len(vectors)):
            rows = small.batch["scenario"] == scenario + 1
            kept = torch.equal(other[scenario], vectors[scenario])
            assert bool(changed[rows].any()) is not kept


@pytest.mark.parametrize("name", [n for n in ENHANCED if n != "LLM4MSR_FwFM"])
def test_checkpoint_of_the_backbone_loads_into_it(name, small):
    backbone = perturb(small.build(plain(name)))
    model = small.build(name)
    model.backbone.load_state_dict(backbone.state_dict())
    assert torch.equal(predict(model, small.batch), predict(backbone, small.batch))


def test_fwfm_has_its_field_pair_weights_in_the_checkpoint(small):
    """RecBole's own keeps them out of optimiser and checkpoint, so that neither learns them."""
    assert "weight" not in small.build("FwFM").state_dict()
    model = small.build("LLM4MSR_FwFM")
    before = model.backbone.weight.detach().clone()
    assert "backbone.weight" in model.state_dict()
    train_steps(model, small.batch, 1)
    assert not torch.equal(model.backbone.weight, before)


@every_enhanced
def test_knowledge_index_is_honoured(name, small):
    model = perturb(small.build(name)).eval()
    users = small.batch["user_id"]
    own = model(small.batch)
    fold = torch.full_like(users, small.train.user_num)  # a vector that no user id points at
    with_index = Interaction({**small.batch.interaction, KNOWLEDGE_INDEX: fold})
    assert not close(model(with_index), own)
    same = Interaction({**small.batch.interaction, KNOWLEDGE_INDEX: users})
    assert torch.equal(model(same), own)
    expected = model(with_index)
    vector = model.knowledge.user[small.train.user_num]
    model.knowledge.user = vector.expand(small.train.user_num, -1)  # now every user's own
    assert close(model(small.batch), expected)


@pytest.mark.parametrize("name", OWN)
def test_agrees_with_the_slow_version(name, small):
    model = perturb(small.build(name)).eval()
    assert_agrees(model, small.batch)


@pytest.mark.parametrize("meta_rank", ["full", 1, 3, "diag"])
@pytest.mark.parametrize("n_layers", [1, 2])
def test_every_form_of_meta_layer_agrees_with_the_slow_version(meta_rank, n_layers, small):
    layers = {"user_meta_layers": n_layers, "scenario_meta_layers": n_layers}
    model = small.build("LLM4MSR_SharedBottom", meta_rank=meta_rank, **layers)
    assert_agrees(perturb(model).eval(), small.batch)


def assert_agrees(model: torch.nn.Module, batch: Interaction) -> None:
    """Compare a model with the slow LLM4MSR around the slow version of its backbone."""
    module = type(model.backbone).__module__.rpartition(".")[2]
    slow_backbone = importlib.import_module(f".reference.{module}", __package__)
    with torch.no_grad():
        x, scenario = model.backbone.embed(batch), model.backbone.scenario_of(batch)
        slow = reference.score(model, slow_backbone, x, scenario, batch["user_id"])
        assert close(model(batch), slow)


def test_another_fingerprint_is_refused(small):
    state = small.build("LLM4MSR_STAR").state_dict()
    mine = small.train.knowledge
    small.train.knowledge = fake_knowledge(small.train, fingerprint="b" * 64)
    try:
        model = small.build("LLM4MSR_STAR")
    finally:
        small.train.knowledge = mine
    with pytest.raises(ValueError, match=r"aaaaaaaaaaaa.*bbbbbbbbbbbb"):
        model.load_state_dict(state)


def test_the_vectors_are_frozen_and_not_in_the_checkpoint(small):
    model = small.build("LLM4MSR_STAR")
    names = {name for name, _ in model.named_parameters()}
    assert not any(name.startswith("knowledge.") for name in names)
    assert [key for key in model.state_dict() if key.startswith("knowledge.")] == [
        "knowledge._extra_state"
    ]


def test_missing_knowledge_raises_and_names_the_remedy(small):
    mine, small.train.knowledge = small.train.knowledge, None
    try:
        with pytest.raises(ValueError, match="data_preparation"):
            small.build("LLM4MSR_STAR")
        bare = small.build("LLM4MSR_STAR", knowledge="none")
    finally:
        small.train.knowledge = mine
    expected = predict(small.build("STAR"), small.batch)
    assert torch.equal(predict(bare, small.batch), expected)


@pytest.mark.parametrize("meta_rank", ["fulll", 0, -1, 2.5, None])
def test_an_unknown_form_of_weight_is_refused(meta_rank):
    with pytest.raises(ValueError, match="meta_rank"):
        generated_weight(meta_rank, 4, 8)


def test_the_llm4msr_class_is_named_after_its_backbone():
    twin = get_model("LLM4MSR_STAR")
    assert twin.__name__ == "LLM4MSR_STAR"
    assert twin.backbone_class is get_model("STAR")


def test_the_vectors_reach_the_levels_as_they_were_prepared(small):
    """Normalising each would erase what two or three scenarios differ in."""
    given, kept = small.train.knowledge, small.build("LLM4MSR_STAR").knowledge
    for level in ("user", "scenario"):
        assert torch.equal(getattr(kept, level).cpu(), getattr(given, level))
