"""Right requests: the scores and items are those of Scorer."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from recbole_llm4msr.serving import Scorer

from .conftest import RECOMMEND, SCORE, figure, served

ITEMS = [f"i{n}" for n in range(1, 41)]


def expected(scorer, user: str, scenario: str, items: list[str], **how) -> np.ndarray:
    rows = {"user_id": [user] * len(items), "item_id": items, "scenario": [scenario] * len(items)}
    return scorer.predict(pl.DataFrame(rows), **how)["score"].to_numpy()


@pytest.mark.parametrize("scenario", ["feed", "mail", "search"])
def test_scores_are_scorers_in_the_order_of_the_candidates(client, scorer, star, scenario) -> None:
    items = [*ITEMS[::-1], "i7"]
    for user in ("u2", "u30"):
        given = {"user": user, "scenario": scenario, "candidates": items}
        answer = client.post("/v1/score", json=given)
        assert answer.status_code == 200 and answer.json()["artefact"] == star.folder.name
        np.testing.assert_allclose(
            answer.json()["scores"], expected(scorer, user, scenario, items), atol=1e-6
        )


@pytest.mark.parametrize(
    "options", [{}, {"candidates": ["i9", "i2", "i9"]}, {"exclude_seen": True}]
)
def test_recommended_items_are_scorers(client, scorer, options) -> None:
    answer = client.post("/v1/recommend", json={**RECOMMEND, **options})
    found = scorer.recommend(["u1"], "feed", 3, **options)
    assert [row["item"] for row in answer.json()["items"]] == found["item_id"].to_list()
    np.testing.assert_allclose(
        [row["score"] for row in answer.json()["items"]], found["score"], atol=1e-6
    )


def test_unknown_users_and_items_are_scored_where_that_was_asked_for(star, scorer) -> None:
    with served(star.folder, on_unknown="score") as client:
        answer = client.post("/v1/score", json={**SCORE, "user": "new", "candidates": ["x", "i1"]})
        want = expected(scorer, "new", "feed", ["x", "i1"], on_unknown="score")
        np.testing.assert_allclose(answer.json()["scores"], want, atol=1e-6)
        assert client.post("/v1/recommend", json={**RECOMMEND, "user": "new"}).status_code == 200
        answer = client.post("/v1/score", json={**SCORE, "scenario": "nowhere"})
        assert answer.status_code == 422  # in every case, as in predict


def test_a_model_without_user_layers_is_served(export_toy) -> None:
    exported = export_toy("SingleDNN")
    scorer = Scorer.load(exported.folder)
    with served(exported.folder) as client:
        answer = client.post("/v1/score", json=SCORE)
        want = expected(scorer, "u1", "feed", SCORE["candidates"])
        np.testing.assert_allclose(answer.json()["scores"], want, atol=1e-6)
        answer = client.post("/v1/recommend", json={**RECOMMEND, "exclude_seen": True})
        assert answer.status_code == 422 and answer.json()["errors"] == [
            {
                "field": "exclude_seen",
                "message": "this artefact was exported without the items that users have seen",
            }
        ]


def test_the_page_and_its_schema_name_the_routes_and_bounds(client) -> None:
    assert "swagger" in client.get("/docs").text.lower()
    schema = client.get("/openapi.json").json()
    assert {"/v1/score", "/v1/recommend", "/healthz", "/readyz", "/metrics"} == set(schema["paths"])
    request = schema["components"]["schemas"]["ScoreRequest"]
    assert request["additionalProperties"] is False
    assert request["properties"]["candidates"]["maxItems"] == 10_000
    assert {"413", "422", "503"} <= set(schema["paths"]["/v1/score"]["post"]["responses"])


def test_figures_count_requests_and_scores(star) -> None:
    with served(star.folder) as client:
        client.post("/v1/score", json=SCORE)
        client.post("/v1/score", json={**SCORE, "user": ""})
        client.get(f"/{'x' * 50}")
        requests = "recbole_llm4msr_requests_total"
        assert figure(client, f'{requests}{{path="/v1/score",status="200"}}') == 1
        assert figure(client, f'{requests}{{path="/v1/score",status="422"}}') == 1
        assert figure(client, f'{requests}{{path="other",status="404"}}') == 1
        assert figure(client, "recbole_llm4msr_scores_total") == 3
        assert figure(client, f'recbole_llm4msr_artefact{{name="{star.folder.name}"}}') == 1
        assert figure(client, 'recbole_llm4msr_request_seconds_count{path="/v1/score"}') == 2
