"""Differences between prompts can be read from the vectors that the model receives."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_predict

from recbole_llm4msr.knowledge import prepare_knowledge
from recbole_llm4msr.knowledge.options import KnowledgeOptions
from recbole_llm4msr.knowledge.store.chunks import keys_of
from recbole_llm4msr.knowledge.vectors.compress import Compressor, unit
from recbole_llm4msr.knowledge.workbench import Workbench
from recbole_llm4msr.model.llm4msr import KnowledgeTable
from recbole_llm4msr.model.llm4msr.scenario_meta import ScenarioMetaNetwork
from tests.knowledge.coin_flips import coin_history
from tests.knowledge.conftest import make_history

ENCODERS = ["lsa", "random", "minilm", "qwen"]
NUMBERS = [1, 2, 3, 30]
WORDS = (
    "amber birch cedar daisy ember fjord grove heath inlet jetty knoll larch maple north".split()
)


@pytest.fixture
def encoder_of(request):
    """Return the settings of an encoder by its name in ``ENCODERS``."""

    def settings(name: str) -> dict:
        if name in ("lsa", "random"):
            return {"knowledge": name}
        # The small tokenizer of this decoder needs three tokens where another needs one.
        more = {"prompt_max_tokens": 900} if name == "qwen" else {}
        return {"knowledge": "transformers", "llm": request.getfixturevalue(name), **more}

    return settings


def scenario_history(n_scenarios: int, twins: bool = False, **changes):
    """Scenarios with different names; with ``twins`` the last two have the same name and rows."""
    names = [f"{WORDS[n % 14]} {WORDS[n // 14]} store" for n in range(n_scenarios)]
    if twins:
        names[-1] = names[-2]
    place = [n_scenarios - 2 if twins and n == n_scenarios - 1 else n for n in range(n_scenarios)]
    rows = [
        (f"u{user}", f"i{1 + (place[n] + user) % 6}", f"s{n:02d}", 1, float(user))
        for n in range(n_scenarios)
        for user in range(3)
    ]
    fields = {
        "users": ["u0", "u1", "u2"],
        "scenarios": [f"s{n:02d}" for n in range(n_scenarios)],
        "scenario_names": names,
        "scenario_descriptions": [""] * n_scenarios,
        "profiles": None,
    }
    return make_history(rows, **{**fields, **changes})


def towers(scenario: torch.Tensor) -> torch.Tensor:
    """Weights that a trained scenario-level network generates, ``(S, numbers)``."""
    torch.manual_seed(3)
    network = ScenarioMetaNetwork(
        scenario.shape[1], 4, code_size=16, hidden_size=5, n_layers=1, dropout=0.0
    )
    torch.nn.init.normal_(network.generate.weight)
    table = KnowledgeTable(torch.zeros(1, 1), scenario, None, "")
    with torch.no_grad():
        return network.generate(network.encoder(table.scenario))


def least_difference(generated: torch.Tensor) -> float:
    """Largest difference between the two towers that are most alike, in units of their size."""
    apart = (generated[:, None] - generated[None]).abs().amax(dim=2) / generated.std()
    return float(apart[~torch.eye(len(generated), dtype=bool)].min()) if len(generated) > 1 else 1.0


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("n_scenarios", NUMBERS)
def test_towers_differ_where_texts_differ(n_scenarios, encoder, encoder_of, settings):
    found = prepare_knowledge(settings(**encoder_of(encoder)), scenario_history(n_scenarios))
    generated = towers(found.scenario)
    assert generated.shape[0] == n_scenarios
    assert found.scenario.abs().amax(dim=1).min() > 0
    assert least_difference(generated) > 0.05


@pytest.mark.parametrize("encoder", ["lsa", "minilm", "qwen"])
@pytest.mark.parametrize("n_scenarios", [2, 3, 30])
def test_towers_are_equal_where_texts_are(n_scenarios, encoder, encoder_of, settings):
    history = scenario_history(n_scenarios, twins=True)
    found = prepare_knowledge(settings(**encoder_of(encoder)), history)
    generated = towers(found.scenario)
    torch.testing.assert_close(generated[-1], generated[-2])
    if n_scenarios > 2:
        assert least_difference(generated[:-1]) > 0.05


@pytest.mark.parametrize("encoder", ["lsa", "minilm", "qwen"])
@pytest.mark.parametrize("n_scenarios", [2, 3, 30])
def test_a_new_description_changes_a_tower(n_scenarios, encoder, encoder_of, settings):
    """The description's words occur in no user's history."""
    keys = settings(**encoder_of(encoder))
    before = towers(prepare_knowledge(keys, scenario_history(n_scenarios)).scenario)
    texts = ["", "garden furniture for rainy winters", *[""] * (n_scenarios - 2)]
    history = scenario_history(n_scenarios, scenario_descriptions=texts)
    after = towers(prepare_knowledge(keys, history).scenario)
    assert (after[1] - before[1]).abs().max() > 0.01 * before.std()


def reachable(inputs: np.ndarray, targets: np.ndarray) -> float:
    """Share of the variance of ``targets`` that a cross-validated ridge on ``inputs`` explains."""
    found = cross_val_predict(Ridge(1e-3), inputs, targets, cv=5).reshape(targets.shape)
    return 1 - np.square(targets - found).sum() / np.square(targets - targets.mean(axis=0)).sum()


@pytest.fixture(scope="module")
def store_of_sizes(tmp_path_factory) -> str:
    """Store of all sizes: the vectors of an encoder do not depend on the compressed size."""
    return str(tmp_path_factory.mktemp("store"))


@pytest.mark.parametrize("encoder", ["lsa", "minilm", "qwen"])
@pytest.mark.parametrize("size", [1, 2, 3, 110])
def test_a_probe_predicts_encoder_vectors_from_compressed_ones(
    size, encoder, encoder_of, settings, store_of_sizes
):
    """Principal components of users and items are kept; with 110 of them, the whole states."""
    history = coin_history((4, 10), n_users=400, n_items=400)
    keys = settings(
        **encoder_of(encoder),
        knowledge_size=size,
        item_knowledge=True,
        knowledge_path=store_of_sizes,
    )
    found = prepare_knowledge(keys, history)
    table = KnowledgeTable(found.user, found.scenario, found.item, found.fingerprint)
    bench = Workbench.open(keys, history, KnowledgeOptions.from_config(keys))
    plan = bench.plan()
    shelf = bench.shelf_of(bench.encoder)
    users, items = (
        shelf.read(keys_of(frame["prompt"].to_list())) for frame in (plan.full, plan.items)
    )
    basis = Compressor.fit([users, items], size, seed=keys["knowledge_seed"] or 2024)
    cases = [
        (plan.full["user"], history.users, table.user, basis, users),
        (plan.items["item"], history.item_tokens, table.item, basis.around(items), items),
    ]
    for tokens, order, vectors, rotation, states in cases:
        place = {token: number for number, token in enumerate(order, 1)}
        read = vectors[[place[token] for token in tokens]].numpy()
        assert reachable(read, rotation.transform(states)) > 0.99
        if size > 100:
            assert reachable(read, unit(states)) > 0.85


@pytest.mark.parametrize("encoder", ["lsa", "minilm", "qwen"])
@pytest.mark.parametrize("n_scenarios", NUMBERS[1:])
def test_encoder_states_are_linear_in_the_scenario_vectors(
    n_scenarios, encoder, encoder_of, settings
):
    """With few scenarios least squares is exact: states are linear in the model's vectors."""
    history = scenario_history(n_scenarios)
    keys = settings(**encoder_of(encoder))
    found = prepare_knowledge(keys, history)
    bench = Workbench.open(keys, history, KnowledgeOptions.from_config(keys))
    plan = bench.plan()
    states = unit(bench.shelf_of(bench.scenario_encoder(plan)).read(keys_of(plan.scenarios)))
    read = found.scenario.numpy()
    solution, *_ = np.linalg.lstsq(read, states, rcond=None)
    np.testing.assert_allclose(read @ solution, states, atol=2e-3)
