"""RecBole's context-aware models as backbones: scores, losses, options, unfit models."""

from __future__ import annotations

from pathlib import Path

import pytest
import recbole
import recbole.model.context_aware_recommender as recbole_models
import torch
import yaml

from recbole_llm4msr import get_model
from recbole_llm4msr.model import registered_models
from recbole_llm4msr.model.backbone.context_adapter import UNFIT, adapt

from .cases import ADAPTED
from .small import perturb, rows

every_adapted = pytest.mark.parametrize("name", ADAPTED)


def test_every_recbole_context_model_is_adapted_or_listed_as_unfit():
    there = {
        name
        for name, value in vars(recbole_models).items()
        if isinstance(value, type) and value.__module__.startswith(recbole_models.__name__)
    }
    assert {name.removeprefix("LLM4MSR_") for name in ADAPTED} | set(UNFIT) == there


@every_adapted
def test_model_name_without_prefix_is_recboles_class(name):
    plain = name.removeprefix("LLM4MSR_")
    assert get_model(plain) is getattr(recbole_models, plain)
    assert plain not in registered_models()


@every_adapted
def test_adapted_model_with_random_weights_scores_as_recboles(name, small):
    plain = perturb(small.build(name.removeprefix("LLM4MSR_"))).eval()
    model = small.build(name).eval()
    model.backbone.load_state_dict(plain.state_dict(), strict=name != "LLM4MSR_FwFM")
    if name == "LLM4MSR_FwFM":
        model.backbone.weight.data = plain.weight.data
    with torch.no_grad():
        assert torch.equal(model.predict(small.batch), plain.predict(small.batch))
        first = rows(small.batch, [0])
        assert torch.equal(model.predict(first), plain.predict(first).view(1))


@every_adapted
def test_adapted_loss_equals_recboles_loss_with_penalties(name, small):
    """All penalties are on, with weights at which they are above zero."""
    config = small.config(name)
    options = {"reg_weight": 0.1} if config["reg_weight"] is not None else {}
    plain = small.build(name.removeprefix("LLM4MSR_"), **options).eval()
    model = small.build(name, use_user_meta=False, use_scenario_meta=False, **options).eval()
    got, expected = model.calculate_loss(small.batch), plain.calculate_loss(small.batch)
    assert float(got) == pytest.approx(float(expected), rel=1e-6)
    if options:
        logits = model.backbone(small.batch)
        bare = torch.nn.functional.binary_cross_entropy_with_logits(logits, small.batch["label"])
        assert float(got) > float(bare) + 1e-3


@every_adapted
def test_adapted_model_reads_recboles_options(name, small):
    plain = name.removeprefix("LLM4MSR_")
    file = Path(recbole.__file__).parent / "properties" / "model" / f"{plain}.yaml"
    wanted = yaml.safe_load(file.read_text()) or {}
    mine, theirs = small.config(name), small.config(plain)
    assert {key: mine[key] for key in wanted} == {key: theirs[key] for key in wanted}


@pytest.mark.parametrize(("name", "width"), [("DeepFM", 33), ("DCN", 32), ("LR", 1)])
def test_input_width_counts_only_fields_the_model_reads(name, width, small):
    """Eight fields of width 4; DeepFM and LR also have one column of the first-order term."""
    backbone = small.build(f"LLM4MSR_{name}").backbone
    assert backbone.input_size == width
    assert backbone.embed(small.batch).shape == (len(small.batch), width)
    tables = {path.split(".")[0] for path in backbone.state_dict()}
    assert ("first_order_linear" in tables) == (name != "DCN")
    assert ("token_embedding_table" in tables) == (name != "LR")


@pytest.mark.parametrize("name", sorted(UNFIT))
def test_unfit_model_raises_with_the_reason(name):
    with pytest.raises(ValueError, match=rf"{name} cannot be a backbone"):
        get_model(f"LLM4MSR_{name}")
    with pytest.raises(ValueError, match=rf"{name} cannot be a backbone"):
        adapt(getattr(recbole_models, name))


def test_model_that_reads_the_interaction_raises(small):
    class Peeking(recbole_models.FNN):
        def forward(self, interaction):
            return super().forward(interaction) + interaction["user_id"]

    with pytest.raises(ValueError, match=r"Peeking cannot be a backbone.*'user_id'"):
        adapt(Peeking)(small.config("FNN"), small.train)


def test_adapting_a_model_that_is_not_context_aware_raises():
    from recbole.model.general_recommender import BPR

    with pytest.raises(TypeError, match="BPR is not one of RecBole's context-aware models"):
        adapt(BPR)
