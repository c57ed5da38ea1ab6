"""The prompts of a data set: which users have one, what is in it and what is not."""

import pytest

from recbole_llm4msr.knowledge import KnowledgeError, KnowledgeOptions
from recbole_llm4msr.knowledge.prompts.writer import PromptWriter
from tests.knowledge.conftest import ROWS, TITLES, Settings, make_history
from tests.knowledge.prompts.long_histories import Words, long_history
from tests.knowledge.prompts.long_plans import users_of, written
from tests.knowledge.prompts.plans import WordEncoder, plan, prompts_of


def test_users_and_items_without_training_rows_are_not_in_prompts():
    """i7 and fay are known to the data set, and occur in no training row."""
    history = make_history()
    found = plan(history, item_knowledge=True, prompt_form="full")
    assert "i7" in history.item_tokens
    assert "fay" in history.users
    assert not any("violin" in p or "i7" in p for p in found.user_and_item_prompts())
    assert "fay" not in set(found.users["user"])


def test_the_threshold_counts_rows_of_any_label(history):
    assert set(prompts_of(plan(history, interaction_threshold=2))) == {"ann", "bob", "cleo", "eve"}
    assert set(prompts_of(plan(history, interaction_threshold=3))) == {"ann", "bob", "eve"}
    assert set(prompts_of(plan(history))) == {"ann", "bob", "cleo", "eve"}


def test_long_histories_stay_within_the_encoders_limit(history):
    class Short(WordEncoder):
        max_tokens = 10

    options = KnowledgeOptions.from_config(
        Settings(item_text_fields=["title"], prompt_categories=0)
    )
    found = PromptWriter(history, options, Short(4, 0)).plan()
    assert prompts_of(found)["eve"] == "Home and Garden: green tea tin; silver necklace."
    Short.max_tokens = 3
    with pytest.raises(KnowledgeError, match="prompt_max_tokens: user prompts .* limit of 3"):
        PromptWriter(history, options, Short(4, 0)).plan()


@pytest.mark.parametrize("folds", [2, 3, 5])
@pytest.mark.parametrize("seed", range(4))
def test_a_fold_prompt_does_not_contain_the_items_of_its_rows(folds, seed):
    # ann meets i1 a second time in another scenario: that must not speak for the first.
    rows = [*ROWS, ("ann", "i1", "play", 1, 9), ("ann", "i8", "play", 0, 9)]
    history = make_history(rows)
    found = plan(history, knowledge_folds=folds, knowledge_seed=seed)
    by_fold = {(u, f): p for u, f, p in found.users.select("user", "fold", "prompt").iter_rows()}
    looked_at = 0
    for (user, item, *_), fold in zip(rows, found.folds, strict=True):
        prompt = by_fold.get((user, fold))
        if prompt is not None:
            looked_at += 1
            assert TITLES[item] not in prompt
    assert looked_at >= 10
    # and nothing else is left out: an item stands in some other fold's prompt
    eve = [p for (u, f), p in by_fold.items() if u == "eve" and f >= 0]
    assert any("green tea tin" in p for p in eve)


@pytest.mark.parametrize(("limit", "lists"), [(2000, "described"), (420, "named"), (220, "own")])
def test_the_list_of_scenarios_is_shortened_before_it_is_cut(limit, lists):
    history = long_history("often", 30, 0)
    found = written(history, Words(limit, "full"), item_knowledge=False)
    described = history.scenario_descriptions[29]
    for user, prompt in users_of(found).items():
        frame = prompt.split("Below is")[0]
        inside = set(history.rows.filter(user=user)["scenario"])
        listed = [name in frame for name in history.scenario_names]
        assert (described in frame) == (lists == "described")
        if lists != "own":
            assert all(listed)
        elif user != "u0":
            assert sum(listed) == len(inside) == 3
    if lists != "own":  # what all users share is the same text, which is computed once
        assert len({prompt.split("Below is")[0] for prompt in users_of(found).values()}) == 1


def test_eol_prompts_end_in_a_question_for_one_word(qwen, history, settings):
    from recbole_llm4msr.knowledge import KnowledgeOptions
    from recbole_llm4msr.knowledge.workbench import Workbench

    config = settings(knowledge="transformers", llm=qwen, knowledge_pooling="eol")
    bench = Workbench.open(config, history, KnowledgeOptions.from_config(config))
    for prompt in bench.plan().full["prompt"]:
        assert 'In one word, this means: "<|im_end|>' in prompt
