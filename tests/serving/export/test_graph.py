"""The forms of a model that are traced, in torch: they score as the model does."""

from __future__ import annotations

import pytest
import torch

from .cases import EXPORTED

SCENARIO = 1


def scores(prepared, graph, rows) -> torch.Tensor:
    inputs = prepared.inputs(graph, rows)
    with torch.no_grad():
        return graph(*(inputs[name] for name in graph.input_names))


def check(prepared) -> None:
    """Compare the three forms: all scenarios, one scenario, and one user in it."""
    batch = prepared.batch
    every = torch.arange(len(batch))
    torch.testing.assert_close(scores(prepared, prepared.graph(), every), prepared.expected)
    rows = (batch["scenario"] == SCENARIO + 1).nonzero().squeeze(1)
    graph = prepared.graph(SCENARIO)
    torch.testing.assert_close(scores(prepared, graph, rows), prepared.expected[rows])
    if graph.layout:
        user = batch["user_id"][rows[0]]
        rows = rows[batch["user_id"][rows] == user]
        graph = prepared.graph(SCENARIO, one_user=True)
        torch.testing.assert_close(scores(prepared, graph, rows), prepared.expected[rows])


@pytest.mark.parametrize("name", EXPORTED)
def test_the_traced_forms_score_as_the_model(name, prepare) -> None:
    check(prepare(name))


@pytest.mark.parametrize(
    "options",
    [
        {"meta_rank": "full"},
        {"meta_rank": "diag"},
        {"meta_rank": 4, "user_meta_layers": 2},
        {"meta_rank": "full", "user_meta_layers": 2},
        {"use_user_meta": False},
        {"use_scenario_meta": False},
        {"scenario_meta_layers": 2},
        {"use_user_meta": False, "use_scenario_meta": False},
        {"items": True, "item_knowledge": True},
        {"items": True, "item_knowledge": True, "use_user_meta": False},
        {"min_count": 12},
        {"min_count": {"item_id": 15, "gender": 2}},
    ],
    ids=str,
)
def test_every_option_of_the_meta_networks_and_tables(options, prepare) -> None:
    check(prepare("LLM4MSR_STAR", **options))


@pytest.mark.parametrize("name", ["STAR", "LLM4MSR_MMoE", "LLM4MSR_ADL", "DeepFM"])
def test_an_id_out_of_range_is_an_unknown_one_and_reads_no_other_row(name, prepare) -> None:
    prepared = prepare(name)
    graph = prepared.graph()
    inputs = prepared.inputs(graph, torch.arange(6))
    inputs["item_id"] = inputs["item_id"].clone()
    n_ids = next(field.n_ids for field in graph.fields if field.name == "item_id")
    inputs["item_id"][:5] = torch.tensor([-1, -n_ids, n_ids, n_ids + 7, 2**40])
    unknown = {**inputs, "item_id": torch.cat([torch.full((5,), n_ids), inputs["item_id"][5:]])}
    with torch.no_grad():
        given, expected = (
            graph(*(columns[name] for name in graph.input_names)) for columns in (inputs, unknown)
        )
    assert torch.equal(given, expected)
    torch.testing.assert_close(given[5:], prepared.expected[5:6])


def test_a_scenario_out_of_range_has_no_score(prepare) -> None:
    prepared = prepare("LLM4MSR_STAR")
    graph = prepared.graph()
    inputs = prepared.inputs(graph, torch.arange(4))
    inputs["scenario"] = torch.tensor([0, -1, 4, 3])
    with torch.no_grad():
        score = graph(*(inputs[name] for name in graph.input_names))
    assert score.isnan().tolist() == [True, True, True, False]


@pytest.mark.parametrize("field", ["item_id", "gender"])
def test_unknown_ids_have_the_mean_row(prepare, small, field) -> None:
    prepared = prepare("STAR")
    table = prepared.source.model.token_embedding_table
    fields = prepared.model.token_field_names
    old = prepared.model.token_embedding_table.embedding.weight
    at, n_ids = fields.index(field), small.train.num(field)
    start = int(prepared.model.token_field_offsets[at])
    mean = old[start + 1 : start + n_ids].mean(dim=0)  # without the padding
    unknown = table.embedding.weight[int(table.offsets[at]) + n_ids]
    torch.testing.assert_close(unknown, mean)
    torch.testing.assert_close(table.embedding.weight[int(table.offsets[at])], mean)  # padding
