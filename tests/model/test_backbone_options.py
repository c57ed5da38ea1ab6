"""Options that change a backbone's formula: the slow version agrees with each of them."""

import importlib

import pytest
import torch
from recbole.data.interaction import Interaction

from .small import perturb

CASES = [
    ("AdaSparse", {"pruner_form": "binarization", "pruner_epsilon": 0.5}),
    ("AdaSparse", {"pruner_form": "scaling", "pruner_epsilon": 0.9}),
    ("AdaSparse", {"pruner_form": "fusion", "pruner_epsilon": 0.9, "alpha_start": 3.0}),
    ("HAMUR", {"n_adapters": 3}),
    ("HAMUR", {"n_adapters": 2, "hyper_rank": 3, "hyper_hidden_size": []}),
    ("M2M", {"expert_num": 1, "meta_tower_layers": 3}),
    ("M3oE", {"expert_num": 1, "beta_scenario": 0.9}),
    ("APG", {"overparameterized_size": 9, "generated_rank": 3}),
    ("EPNet", {"mlp_hidden_size": []}),
    ("PEPNet", {"mlp_hidden_size": []}),
    ("PLE", {"n_levels": 1, "specific_expert_num": 3}),
    ("PLE", {"n_levels": 3, "shared_expert_num": 1}),
    ("MMoE", {"expert_num": 1, "tower_hidden_size": []}),
    ("SARNet", {"specific_expert_num": 3, "shared_expert_num": 1}),
    ("CrossStitch", {"mlp_hidden_size": [5], "stitch_self": 0.5}),
    ("AITM", {"mlp_hidden_size": [6], "tower_hidden_size": [5, 3]}),
    ("HMoE", {"expert_num": 2, "expert_hidden_size": [6]}),
    ("SingleDNN", {"mlp_hidden_size": []}),
    ("SeparateDNN", {"mlp_hidden_size": []}),
    ("ADL", {"n_clusters": 1}),
    ("AdaptDHM", {"n_clusters": 7, "mlp_hidden_size": [5]}),
]


@pytest.mark.parametrize(("name", "options"), CASES)
def test_the_slow_version_agrees(name, options, small):
    model = perturb(small.build(name, **options)).double().eval()  # leaves rounding out
    module = type(model).__module__.rpartition(".")[2]
    slow = importlib.import_module(f".reference.{module}", __package__)
    with torch.no_grad():
        x, scenario = model.embed(small.batch).double(), model.scenario_of(small.batch)
        fast = model.score(x, scenario)
    assert fast.std() > 1e-3
    assert torch.allclose(fast, torch.as_tensor(slow.score(model, x, scenario)), atol=1e-6)


def test_adasparse_prunes_where_asked_to(small):
    """The thresholds of the cases above do cut: without them the scores are others."""
    scores = []
    for epsilon in (0.0, 0.9):
        model = perturb(small.build("AdaSparse", pruner_epsilon=epsilon)).eval()
        with torch.no_grad():
            scores.append(model(small.batch))
    assert not torch.allclose(*scores)


def test_prior_fields_of_ppnet(small):
    default = perturb(small.build("PPNet")).eval()
    named = perturb(small.build("PPNet", prior_fields=["user_id", "item_id"])).eval()
    other = perturb(small.build("PPNet", prior_fields=["user_id", "price"])).eval()
    with torch.no_grad():
        assert torch.equal(default(small.batch), named(small.batch))
        assert not torch.allclose(default(small.batch), other(small.batch))


def test_columns_hold_the_field(small):
    """The columns of every field, whatever its type, change with that field and no other."""
    model = small.build("PPNet")
    x = model.embed(small.batch)
    for field in ("user_id", "item_id", "scenario", "gender", "genre", "hour", "age", "price"):
        changed = small.batch[torch.arange(len(small.batch))]
        value = changed[field].clone()
        if field in ("hour", "age", "price"):
            value[..., 0] = 1 - value[..., 0]
        else:
            value = torch.where(value == 1, 2, 1)
        changed.update(Interaction({field: value}))
        moved = (model.embed(changed) != x).any(dim=0)
        assert moved[model.columns_of(field)].all(), field
        assert int(moved.sum()) == model.embedding_size, field


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("PPNet", {"prior_fields": ["user"]}, "prior_fields: 'user' is not a field of the model"),
        ("AdaSparse", {"pruner_form": "fussion"}, "pruner_form: 'fussion' is none of"),
        ("HAMUR", {"n_adapters": 4}, "n_adapters: 4 is not between 1 and the 3 layers"),
        ("HAMUR", {"n_adapters": 0}, "n_adapters: 0 is not between 1"),
        ("M3oE", {"alpha_task": 1.0}, "alpha_task: 1.0 is not between 0 and 1"),
        ("M3oE", {"beta_scenario": 0}, "beta_scenario: 0 is not between 0 and 1"),
        ("ADL", {"n_clusters": 0}, "n_clusters: 0 is not"),
        ("AdaptDHM", {"routing_temperature": 0.0}, "routing_temperature: 0.0 is not"),
        ("AdaptDHM", {"routing_rate": 1.5}, "routing_rate: 1.5 is not"),
        ("AdaSparse", {"sparsity_range": [0.5, 0.2]}, "sparsity_range: [0.5, 0.2] is not"),
    ],
)
def test_invalid_options_raise(name, options, message, small):
    with pytest.raises(ValueError) as error:
        small.build(name, **options)
    assert message in str(error.value)
