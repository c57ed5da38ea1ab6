"""What stands in a prompt, and above all what does not."""

import numpy as np
import polars as pl
import pytest

from recbole_llm4msr.knowledge import KnowledgeError, KnowledgeOptions
from recbole_llm4msr.knowledge.encoders.random import NoiseEncoder
from recbole_llm4msr.knowledge.prompts.budget import TokenBudget
from recbole_llm4msr.knowledge.prompts.histories import user_histories
from recbole_llm4msr.knowledge.prompts.scenarios import scenario_statistics
from recbole_llm4msr.knowledge.prompts.template import VARIABLES, PromptTemplate, prompt_folder
from recbole_llm4msr.knowledge.prompts.writer import PromptWriter
from tests.knowledge.conftest import ROWS, TITLES, Settings, make_history

TEMPLATES = sorted(p.name.removesuffix(".yaml") for p in prompt_folder().glob("*.yaml"))


class Words(NoiseEncoder):
    """An encoder without a limit to speak of, to look at prompts only."""

    max_tokens = 100_000

    def count_tokens(self, texts):
        return np.array([len(t.split()) for t in texts], dtype=np.int64)


def plan(history, **keys):
    options = KnowledgeOptions.from_config(Settings({"item_text_fields": ["title"], **keys}))
    return PromptWriter(history, options, Words(4, 0)).plan()


def prompts_of(found, fold=-1):
    rows = found.users.filter(pl.col("fold") == fold)
    return dict(rows.select("user", "prompt").iter_rows())


def test_there_are_four_templates_in_two_languages():
    names = ("generic", "movie", "product", "short_video")
    assert [f"{n}.{la}" for n in names for la in ("en", "zh")] == TEMPLATES


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("form", ["full", "compact"])
def test_every_template_tells_the_history(name, form, history):
    template, language = name.split(".")
    found = plan(
        history,
        prompt_template=template,
        prompt_language=language,
        prompt_form=form,
        item_knowledge=True,
        item_category_field="kind",
    )
    ann = prompts_of(found)["ann"]
    for text in ("red garden roses", "steel kitchen knife", "wooden train set", "garden", "Toys"):
        assert text in ann
    assert "blue running shoes" not in ann  # shown to her, but not chosen
    assert len(found.scenarios) == 2
    assert "Home and Garden" in found.scenarios[0]
    assert found.items.height == history.items.height
    for prompt in [*found.user_and_item_prompts(), *found.scenarios]:
        assert "built-in" not in prompt
        assert "None" not in prompt


def test_the_word_null_is_a_word(history):
    assert "null" in prompts_of(plan(history))["bob"]


def test_an_item_without_text_is_called_by_its_token():
    found = plan(make_history(titles={**TITLES, "i5": " "}))
    assert prompts_of(found)["cleo"].endswith("item i5.")


def test_what_only_valid_or_test_holds_never_appears():
    """i7 and fay are known to the data set, and occur in no training row."""
    history = make_history()
    found = plan(history, item_knowledge=True, prompt_form="full")
    assert "i7" in history.item_tokens
    assert "fay" in history.users
    assert not any("violin" in p or "i7" in p for p in found.user_and_item_prompts())
    assert "fay" not in set(found.users["user"])


def test_newest_comes_first_and_the_history_is_cut_there(history):
    eve = prompts_of(plan(history, prompt_history=2))["eve"]
    assert eve == "Home and Garden: green tea tin; silver necklace."


def test_the_threshold_counts_rows_of_any_label(history):
    assert set(prompts_of(plan(history, interaction_threshold=2))) == {"ann", "bob", "cleo", "eve"}
    assert set(prompts_of(plan(history, interaction_threshold=3))) == {"ann", "bob", "eve"}
    assert set(prompts_of(plan(history))) == {"ann", "bob", "cleo", "eve"}


def test_a_token_budget_keeps_the_newest_of_every_scenario(history):
    options = KnowledgeOptions.from_config(Settings(item_text_fields=["title"]))
    budget = TokenBudget(6, lambda texts: np.array([len(t.split()) for t in texts]))
    cut = user_histories(history, options, budget=budget)
    told = {row[0]: [h["recent"] for h in row[3]] for row in cut.iter_rows()}
    assert told["ann"] == [["steel kitchen knife"], ["wooden train set"]]
    assert told["eve"] == [["green tea tin", "silver necklace"]]
    assert dict(cut.select("user", "positives").iter_rows())["eve"] == 5


def test_long_histories_stay_within_the_encoders_limit(history):
    class Short(Words):
        max_tokens = 10

    options = KnowledgeOptions.from_config(
        Settings(item_text_fields=["title"], prompt_categories=0)
    )
    found = PromptWriter(history, options, Short(4, 0)).plan()
    assert prompts_of(found)["eve"] == "Home and Garden: green tea tin; silver necklace."
    Short.max_tokens = 3
    with pytest.raises(KnowledgeError, match="prompt_max_tokens: user prompts .* limit of 3"):
        PromptWriter(history, options, Short(4, 0)).plan()


def test_statistics_come_from_training_rows(history):
    home, play = scenario_statistics(history, KnowledgeOptions(item_text_fields=("title",)))
    assert (home["user_count"], home["item_count"], home["interaction_count"]) == (4, 6, 12)
    assert play["positive_rate"] == 0.5
    assert play["leading"][0] == {"name": "wooden train set", "count": 2}
    assert play["overlaps"] == [{"name": "Home and Garden", "user_share": 0.5, "item_share": 0.75}]


@pytest.mark.parametrize("folds", [2, 3, 5])
@pytest.mark.parametrize("seed", range(4))
def test_no_training_rows_item_stands_in_the_prompt_it_is_trained_with(folds, seed):
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


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("full: [", "not valid yaml"),
        ("just words", "expected keys"),
        ("compact: {user: a, scenario: b, item: c}", "no prompts under `full:`"),
        ("full: {user: a, item: c}", "full.scenario is missing"),
        ("full: {user: a, scenario: b, item: c, usr: d}", "full.usr is no prompt"),
        ("full: {user: '{{ histroy }}', scenario: b, item: c}", "'histroy'; did you mean history"),
        ("full: {user: '{% if %}', scenario: b, item: c}", "full.user, line 1"),
        ("extends: nothing", "no template 'nothing'"),
    ],
)
def test_a_faulty_template_is_refused_with_its_place(tmp_path, text, words):
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(KnowledgeError, match="(?s)" + words.replace("?", r"\?")) as caught:
        PromptTemplate.load(str(path), "en", "full")
    if "extends" not in text:
        assert str(path) in str(caught.value)


def test_a_field_that_does_not_exist_is_refused(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("extends: generic\nfull: {user: '{{ history[0].author }}'}")
    template = PromptTemplate.load(str(path), "en", "full")
    with pytest.raises(KnowledgeError, match=r"full.user: .*author"):
        template.renderer("user")(history=[{"name": "a"}], positives=1, profile={}, scenarios=[])


def test_names_are_suggested(history):
    with pytest.raises(KnowledgeError, match="did you mean product"):
        PromptTemplate.load("products", "en", "full")
    with pytest.raises(KnowledgeError, match="no text column 'titel'"):
        plan(history, item_text_fields=["titel"])


def test_a_template_cannot_run_code(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("extends: generic\nfull: {item: '{{ text.__class__.__mro__ }}'}")
    template = PromptTemplate.load(str(path), "en", "full")
    with pytest.raises(KnowledgeError, match="unsafe"):
        template.renderer("item")(text="a", category=None)


def test_the_documented_variables_are_those_that_are_given(history, tmp_path):
    lines = [
        f"  {kind}: '" + "".join("{{ " + v + " }}" for v in names) + "'"
        for kind, names in VARIABLES.items()
    ]
    path = tmp_path / "own.yaml"
    path.write_text("extends: generic\nfull:\n" + "\n".join(lines))
    found = plan(history, prompt_template=str(path), prompt_form="full", item_knowledge=True)
    assert found.user_and_item_prompts()
