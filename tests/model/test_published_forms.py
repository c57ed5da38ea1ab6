"""AITM, HAMUR and AdaSparse as published: details that their formulas do not show."""

from __future__ import annotations

import pytest
import torch

from .planted import auc, every_row, fit, write_tastes
from .reference import hamur as slow_hamur
from .small import SmallData, only_scenario, perturb, rows

# -- AITM ----------------------------------------------------------------------------------------


def test_aitm_chain_shares_one_attention(ten_scenarios, one_scenario):
    model = ten_scenarios.build("AITM")
    attention = {n for n, _ in model.named_parameters() if n.startswith("attention")}
    assert attention == {f"attention.{part}.weight" for part in ("value", "query", "key")}
    assert len(model.transfers) == 9
    alone = one_scenario.build("AITM")  # nothing is handed on: nothing may stay untrained
    alone.train().calculate_loss(one_scenario.batch).backward()
    assert all(p.grad is not None for p in alone.parameters())


# -- HAMUR ---------------------------------------------------------------------------------------


def test_hamur_has_networks_per_scenario_and_shared_adapters(small):
    model = perturb(small.build("HAMUR")).train()
    model.calculate_loss(rows(small.batch, only_scenario(small.batch, 2))).backward()
    trained = [any(bool(p.grad.any()) for p in net.parameters()) for net in model.networks]
    assert trained == [False, True, False]
    for shared in (model.hyper, model.adapters):
        assert all(p.grad is not None for p in shared.parameters())
    names = [name for name, _ in model.adapters.named_parameters()]
    assert len(names) == 8  # U and V of two ways, a bias of each, gamma and beta: no scenario's own


def test_hamur_batch_normalisation_equals_the_reference(small):
    model = perturb(small.build("HAMUR", batch_norm=True, n_adapters=2)).double().eval()
    with torch.no_grad():
        x, scenario = model.embed(small.batch).double(), model.scenario_of(small.batch)
        fast = model.score(x, scenario)
    assert fast.std() > 1e-3
    assert torch.allclose(fast, torch.as_tensor(slow_hamur.score(model, x, scenario)), atol=1e-6)


@torch.no_grad()
def test_batch_normalisation_scores_rows_independently_in_evaluation(small):
    model = perturb(small.build("HAMUR", batch_norm=True)).eval()
    whole = model(small.batch)
    alone = torch.cat([model(rows(small.batch, [i])) for i in range(len(small.batch))])
    assert torch.allclose(alone, whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("part", [[0], [0, 1], []])
def test_batch_normalisation_trains_on_batches_of_few_rows(part, small):
    """A single row has zero variance; a scenario without rows does not update its statistics."""
    model = small.build("HAMUR", batch_norm=True).train()
    index = only_scenario(small.batch, 2) if not part else torch.tensor(part)
    model.calculate_loss(rows(small.batch, index)).backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())
    assert all(torch.isfinite(b).all() for b in model.buffers())
    before = {name: b.clone() for name, b in model.eval().named_buffers()}
    model.calculate_loss(small.batch)
    assert all(torch.equal(b, before[name]) for name, b in model.named_buffers())


# -- AdaSparse -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tastes(data_folder) -> SmallData:
    write_tastes(data_folder, "pruned_tastes")
    return SmallData.load(data_folder, "pruned_tastes", only_ids=True, split=[1.0, 0.0, 0.0])


@torch.no_grad()
def zero_factors(model, batch) -> list[float]:
    """Run the pruners; return the share of factors of every layer that are exactly zero."""
    shares = []
    hooks = [
        pruner.register_forward_hook(
            lambda module, given, result: shares.append(float((result[0] == 0).double().mean()))
        )
        for pruner in model.pruners
    ]
    model.eval().predict(batch)
    for hook in hooks:
        hook.remove()
    return shares


@pytest.mark.parametrize("form", ["fusion", "binarization"])
def test_adasparse_reaches_the_sparsity_range_with_defaults(form, tastes):
    """Shares of pruned neurons start at 0; training moves them into the range, or near it."""
    model, batch = tastes.build("AdaSparse", embedding_size=8, pruner_form=form), every_row(tastes)
    low, high = model.sparsity_range
    assert zero_factors(model, batch) == [0.0] * 4
    fit(model, batch, n_epochs=25)
    of_input, *hidden = zero_factors(model, batch)
    assert low < of_input < 2 * high
    assert all(low < share < 1.3 * high for share in hidden)
    with torch.no_grad():
        assert auc(model.predict(batch), batch["label"] > 0) > 0.9


def test_adasparse_misses_the_sparsity_range_without_regularisation(tastes):
    model = tastes.build("AdaSparse", embedding_size=8, sparsity_weight=0.0)
    fit(model, every_row(tastes), n_epochs=25)
    hidden = zero_factors(model, every_row(tastes))[1:]
    assert min(hidden) > 1.6 * model.sparsity_range[1]


def test_sparsity_loss_uses_the_share_of_zero_factors(small):
    for form in ("fusion", "binarization", "scaling"):
        options = {"pruner_form": form, "pruner_epsilon": 0.3, "alpha_start": 2.0}
        model = perturb(small.build("AdaSparse", **options)).eval()
        with torch.no_grad():
            x, scenario = model.embed(small.batch), model.scenario_of(small.batch)
            pruned = model.score_and_share(x, scenario)[1]
        counted = zero_factors(model, small.batch)
        assert pruned.tolist() == pytest.approx(counted, abs=1e-6)
        assert (max(counted) > 0) == (form != "scaling")


def test_sparsity_weight_grows_with_alpha(small):
    options = {"alpha_start": 0.5, "alpha_step": 0.5, "alpha_max": 1.0}
    model = small.build("AdaSparse", sparsity_weight=0.2, sparsity_range=[0.1, 0.3], **options)
    none_pruned = torch.zeros(4)
    penalties = []
    for _ in range(3):
        penalties.append(float(model.sparsity_penalty(none_pruned)))
        model.train()(small.batch)
    assert penalties == pytest.approx([0.2 * 0.04, 0.4 * 0.04, 0.4 * 0.04])
    in_range = torch.tensor([0.1, 0.2, 0.3, 0.25])
    assert float(model.sparsity_penalty(in_range)) == 0
    assert float(model.sparsity_penalty(torch.tensor([0.1, 0.2, 0.3, 0.6]))) > 0


def test_alpha_step_or_maximum_without_growth_raises(small):
    with pytest.raises(ValueError, match="alpha_start: 0.0 is not above 0"):
        small.build("AdaSparse", alpha_start=0.0)
