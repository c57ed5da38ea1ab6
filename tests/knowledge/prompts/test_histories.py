"""Texts of items and histories of users in prompts."""

import numpy as np

from recbole_llm4msr.knowledge import KnowledgeOptions
from recbole_llm4msr.knowledge.prompts.cut_to_budget import TokenBudget
from recbole_llm4msr.knowledge.prompts.histories import user_histories
from tests.knowledge.conftest import TITLES, Settings, make_history
from tests.knowledge.prompts.plans import plan, prompts_of


def test_the_text_null_is_not_a_missing_value(history):
    assert "null" in prompts_of(plan(history))["bob"]


def test_an_item_without_text_is_called_by_its_token():
    found = plan(make_history(titles={**TITLES, "i5": " "}))
    assert prompts_of(found)["cleo"].endswith("item i5.")


def test_newest_comes_first_and_the_history_is_cut_there(history):
    eve = prompts_of(plan(history, prompt_history=2))["eve"]
    assert eve == "Home and Garden: green tea tin; silver necklace."


def test_a_token_budget_keeps_the_newest_of_every_scenario(history):
    options = KnowledgeOptions.from_config(Settings(item_text_fields=["title"]))
    budget = TokenBudget(6, lambda texts: np.array([len(t.split()) for t in texts]))
    cut = user_histories(history, options, budget=budget)
    recent = {row[0]: [h["recent"] for h in row[3]] for row in cut.iter_rows()}
    assert recent["ann"] == [["steel kitchen knife"], ["wooden train set"]]
    assert recent["eve"] == [["green tea tin", "silver necklace"]]
    assert dict(cut.select("user", "positives").iter_rows())["eve"] == 5
