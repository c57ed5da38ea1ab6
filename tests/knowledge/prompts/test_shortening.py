"""The order in which users', scenarios' and items' prompts are shortened."""

import pytest

from recbole_llm4msr.knowledge import KnowledgeError
from tests.knowledge.conftest import make_history
from tests.knowledge.prompts.long_histories import Words, long_history, newest_titles
from tests.knowledge.prompts.long_plans import users_of, written


def test_oldest_items_go_first_and_the_newest_item_is_shortened_last():
    """Under ever smaller limits a prompt loses items, frequent ones, profile, words, scenarios."""
    history = long_history("profiles", 3, 1)
    title = newest_titles(history)["u0"]

    def states():
        for limit in range(210, 4, -2):
            try:
                yield users_of(written(history, Words(limit), item_knowledge=False))["u0"]
            except KnowledgeError:
                return

    # The compact form has no profile and no instruction; every scenario opens with its name.
    prompts = list(dict.fromkeys(states()))
    assert len(prompts) > 20
    names = [[name in prompt for name in history.scenario_names] for prompt in prompts]
    lengths = [len(prompt) for prompt in prompts]
    assert lengths == sorted(lengths, reverse=True)
    count = [sum(row) for row in names]
    assert count == sorted(count, reverse=True)
    assert (count[0], count[-1]) == (3, 1)
    alone = count.index(1)
    assert prompts[alone].count(";") == 0
    assert title in prompts[alone]
    assert title not in prompts[-1]
    assert title.split()[0] in prompts[-1]
    for prompt in prompts[: count.index(2)]:  # a scenario is named as long as it has an item
        assert ": ." not in prompt


@pytest.mark.parametrize("scenarios", [3, 30])
def test_the_target_scenario_is_described_before_the_others(scenarios):
    history = long_history("often", scenarios, 0)
    for place, prompt in enumerate(written(history, Words(230, "full")).scenarios):
        name = history.scenario_names[place]
        own = prompt.split("\n")[1]
        assert own.startswith(f"- {name}: {history.scenario_descriptions[place]}. ")
        assert "% positive. Leading: " in own
        assert "Shares " in own
        assert prompt.endswith(f'"{name}" share with the others, and how does it differ from them?')


def test_item_texts_are_shortened_by_words():
    found = written(long_history("titles of 400", 2, 0), Words(40), item_category_field=None)
    for prompt in found.items["prompt"]:
        assert len(prompt.split()) == 40
    found = written(long_history("categories", 2, 0), Words(20))
    for prompt in found.items["prompt"]:
        text, category = prompt.split(" (")
        assert len(text.split()) == 6
        assert len(category.split()) == 14


def test_the_scenario_of_the_newest_item_is_kept_longest():
    rows = [("ann", "i1", "home", 1, 1), ("ann", "i2", "home", 1, 2), ("ann", "i3", "play", 1, 9)]
    history = make_history(rows)
    keys = {"item_knowledge": False, "item_category_field": None}
    assert users_of(written(history, Words(12), **keys))["ann"] == (
        "Home and Garden: steel kitchen knife. Toys: wooden train set."
    )
    assert users_of(written(history, Words(9), **keys))["ann"] == "Toys: wooden train set."
