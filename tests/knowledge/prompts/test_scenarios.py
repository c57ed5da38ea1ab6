"""Statistics of the scenarios."""

from recbole_llm4msr.knowledge import KnowledgeOptions
from recbole_llm4msr.knowledge.prompts.scenarios import scenario_statistics


def test_statistics_come_from_training_rows(history):
    home, play = scenario_statistics(history, KnowledgeOptions(item_text_fields=("title",)))
    assert (home["user_count"], home["item_count"], home["interaction_count"]) == (4, 6, 12)
    assert play["positive_rate"] == 0.5
    assert play["leading"][0] == {"name": "wooden train set", "count": 2}
    assert play["overlaps"] == [{"name": "Home and Garden", "user_share": 0.5, "item_share": 0.75}]
