"""Properties of single backbones that the tests of all models do not cover."""

from unittest import mock

import pytest
import torch

from .small import only_scenario, perturb, rows


def gradient_of_ids(model, batch):
    """Gradient of the loss in the columns of the user's and the item's embedding."""
    x = model.embed(batch).detach().requires_grad_()
    scenario = model.scenario_of(batch)
    model.score(x, scenario).sum().backward()
    return x.grad


# -- EPNet, PPNet, PEPNet ------------------------------------------------------------------------


def test_ppnet_gates_pass_gradients_to_id_embeddings(small):
    """With zero tower weights on the id columns, the ids get gradients through the gates alone."""
    model = perturb(small.build("PPNet"))
    ids = [model.columns_of("user_id"), model.columns_of("item_id")]
    with torch.no_grad():
        for tower in model.towers.layers:
            for columns in ids:
                tower[0].weight[:, columns] = 0
    grad = gradient_of_ids(model, small.batch)
    assert all(grad[:, columns].any() for columns in ids)


def test_gates_pass_gradients_to_prior_fields_only(small):
    """A gate reads every field, but passes gradients to the prior fields only."""
    model = perturb(small.build("PPNet"))
    with torch.no_grad():
        for tower in model.towers.layers:
            tower[0].weight[:] = 0
            tower[0].weight[:, model.columns_of("user_id")] = 1
    grad = gradient_of_ids(model, small.batch)
    assert grad[:, model.columns_of("user_id")].any()
    assert not grad[:, model.columns_of("gender")].any()
    assert not grad[:, model.columns_of("price")].any()


def test_gate_values_lie_between_0_and_2(small):
    model = perturb(small.build("EPNet"))
    x = 1 + torch.rand(len(small.batch), model.input_size)
    gated = model.embedding_gate(x, model.scenario_of(small.batch)) / x
    assert gated.min() > 0
    assert gated.max() < 2
    assert gated.std() > 0.01


# -- M2M -----------------------------------------------------------------------------------------


def test_m2m_generates_meta_weights_once_per_batch(small):
    model = small.build("M2M")
    units = [model.attention_unit, *model.tower_units]
    for unit in units:
        with mock.patch.object(unit, "forward", wraps=unit.forward) as made:
            model(small.batch)
        assert made.call_count == 1
        (knowledge,) = made.call_args.args
        assert len(knowledge) == model.n_scenarios


# -- AdaSparse -----------------------------------------------------------------------------------


def test_adasparse_alpha_grows_in_training_only(small):
    model = small.build("AdaSparse", alpha_start=1.0, alpha_step=0.5, alpha_max=2.2)
    seen = []
    for _ in range(4):
        model.train().calculate_loss(small.batch).backward()
        seen.append(float(model.alpha))
        model.eval()(small.batch)
        assert float(model.alpha) == seen[-1]
    assert seen == pytest.approx([1.5, 2.0, 2.2, 2.2])
    copy = small.build("AdaSparse", alpha_start=1.0)
    copy.load_state_dict(model.state_dict())
    assert float(copy.alpha) == pytest.approx(2.2)


@pytest.mark.parametrize("name", ["AdaSparse", "LLM4MSR_AdaSparse"])
def test_sparsity_regularisation_is_added_in_training_only(name, small):
    losses = []
    for weight in (0.0, 1.0):
        model = small.build(name, sparsity_weight=weight, sparsity_range=[0.9, 0.95])
        train = float(model.train().calculate_loss(small.batch).detach())
        with torch.no_grad():
            losses.append((train, float(model.eval().calculate_loss(small.batch))))
    # Fresh factors are near those of sigmoid(0): none is pruned, outside the range.
    assert losses[1][0] - losses[0][0] == pytest.approx(0.925**2, rel=1e-3)
    assert losses[1][1] == pytest.approx(losses[0][1], abs=1e-3)


def test_sparsity_regularisation_prunes_neurons(small):
    options = {"sparsity_weight": 100.0, "sparsity_range": [0.8, 0.9], "alpha_start": 1.0}
    model = small.build("AdaSparse", **options)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

    @torch.no_grad()
    def pruned():
        x, scenario = model.embed(small.batch), model.scenario_of(small.batch)
        return model.eval().score_and_share(x, scenario)[1]

    before = pruned()
    for _ in range(150):
        optimizer.zero_grad()
        model.train().calculate_loss(small.batch).backward()
        optimizer.step()
    assert before.max() == 0
    after = pruned()
    assert ((after > 0.75) & (after < 0.98)).all()


def test_binary_pruner_passes_gradients_to_pruned_neurons(small):
    model = perturb(small.build("AdaSparse", pruner_form="binarization", pruner_epsilon=0.5))
    model.train().calculate_loss(small.batch).backward()
    assert all(p.linear.weight.grad.abs().sum() > 0 for p in model.pruners)


# -- ADL and AdaptDHM ----------------------------------------------------------------------------

with_routing = pytest.mark.parametrize("name", ["ADL", "AdaptDHM"])


@with_routing
def test_cluster_centres_move_in_training_only(name, small):
    model = small.build(name)
    centres = [model.routing.centres.clone()]
    for _ in range(2):
        model.train()(small.batch)
        centres.append(model.routing.centres.clone())
        model.eval()(small.batch)
        assert torch.equal(model.routing.centres, centres[-1])
    assert not torch.equal(centres[0], centres[1])
    assert not torch.equal(centres[1], centres[2])
    assert torch.allclose(centres[2].norm(dim=1), torch.ones(3))


@with_routing
def test_every_cluster_keeps_rows_in_training(name, small):
    """Initial embeddings are short and similar: the centres must not collapse into one."""
    model = small.build(name).train()
    for _ in range(100):
        model(small.batch)
    cluster = model.eval().routing(model.embed(small.batch))
    assert (torch.bincount(cluster, minlength=3) >= 3).all()


def test_routing_separates_planted_clusters(small):
    """Three directions and a little noise: rows of a direction share a cluster."""
    routing = small.build("ADL").routing.train()
    numbers = torch.Generator().manual_seed(2)
    size = routing.centres.shape[1]
    direction = torch.nn.functional.normalize(torch.randn(3, size, generator=numbers), dim=1)
    planted = torch.arange(90) % 3
    for _ in range(20):
        noise = 0.05 * torch.randn(90, size, generator=numbers)
        cluster = routing(0.1 * (direction[planted] + noise))
    found = [cluster[planted == i] for i in range(3)]
    assert all((c == c[0]).all() for c in found)
    assert len({int(c[0]) for c in found}) == 3


def test_first_batch_with_fewer_rows_than_clusters_is_routed(small):
    model = small.build("ADL", n_clusters=5).train()
    assert torch.isfinite(model(rows(small.batch, [0, 1]))).all()
    assert torch.isfinite(model.routing.centres).all()


# -- HAMUR ---------------------------------------------------------------------------------------


def test_hamur_hyper_network_runs_once_per_batch(small):
    model = small.build("HAMUR", n_adapters=3)
    with mock.patch.object(model.hyper, "forward", wraps=model.hyper.forward) as hyper:
        model(small.batch)
    assert hyper.call_count == 1


def test_domain_norm_keeps_statistics_per_scenario(small):
    model = small.build("HAMUR", batch_norm=True).train()
    model(rows(small.batch, only_scenario(small.batch, 2)))
    of_adapter = [bool(s.running_mean.any()) for s in model.adapters[0].statistics]
    of_network = [bool(net[0][1].statistics.running_mean.any()) for net in model.networks]
    assert of_adapter == of_network == [False, True, False]


def test_domain_norm_ignores_a_scenario_with_a_single_row(small):
    model = small.build("HAMUR").train()
    one = only_scenario(small.batch, 1)[:1]
    model.calculate_loss(rows(small.batch, torch.cat([one, only_scenario(small.batch, 2)])))
    statistics = model.adapters[0].statistics
    assert not statistics[0].running_mean.any()
    assert statistics[1].running_mean.any()


# -- M3oE ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["M3oE", "LLM4MSR_M3oE"])
def test_single_scenario_model_scores_without_other_scenarios(name, one_scenario):
    model = one_scenario.build(name).train()
    model.calculate_loss(one_scenario.batch).backward()
    backbone = getattr(model, "backbone", model)
    assert backbone.scenario_shares().tolist() == [[1.0]]
    assert all(p.grad is not None for p in backbone.parameters())


def test_m3oe_fusion_weights_of_scenario_experts(small):
    shares = small.build("M3oE", beta_scenario=0.7).scenario_shares()
    expected = torch.full((3, 3), 0.15) + 0.55 * torch.eye(3)
    assert torch.allclose(shares, expected)


# -- APG -----------------------------------------------------------------------------------------


def test_apg_generates_cores_once_per_batch_and_scenario(small):
    model = small.build("APG")
    for layer in model.layers:
        with mock.patch.object(layer.core, "forward", wraps=layer.core.forward) as core:
            model(small.batch)
        assert core.call_count == 1
        assert core.call_args.args[0].shape == (model.n_scenarios, model.embedding_size)


# -- HMoE ----------------------------------------------------------------------------------------


def test_hmoe_stops_gradients_into_other_scenarios_scores(small):
    model = perturb(small.build("HMoE"))
    own = rows(small.batch, only_scenario(small.batch, 2))  # of the second scenario
    model.calculate_loss(own).backward()
    for part in (model.gates, model.towers, model.relations):
        moved = [any(p.grad is not None and p.grad.any() for p in m.parameters()) for m in part]
        assert moved == [False, True, False]
    logits = model(own).detach()
    with torch.no_grad():
        model.towers[0].logit.bias += 1  # yet the scores are read
    assert not torch.allclose(model(own), logits)


# -- CrossStitch ---------------------------------------------------------------------------------


def test_cross_stitch_weights_start_as_convex_combinations(small, one_scenario):
    for stitch in small.build("CrossStitch").stitches:
        assert torch.allclose(stitch.sum(dim=1), torch.ones(3))
        assert torch.allclose(stitch.diagonal(), torch.tensor(0.9))
    assert torch.isfinite(one_scenario.build("CrossStitch")(one_scenario.batch)).all()


# -- AITM ----------------------------------------------------------------------------------------


def test_aitm_gradients_reach_earlier_scenarios_only(small):
    model = perturb(small.build("AITM"))
    model.calculate_loss(rows(small.batch, only_scenario(small.batch, 2))).backward()
    moved = [
        any(p.grad is not None and p.grad.any() for p in m.parameters()) for m in model.networks
    ]
    assert moved == [True, True, False]
