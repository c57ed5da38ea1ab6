"""Templates: those of the package, those of users, and errors in them."""

import pytest
import yaml

from recbole_llm4msr.knowledge import KnowledgeError
from recbole_llm4msr.knowledge.prompts.template import VARIABLES, PromptTemplate, prompt_folder
from tests.knowledge.prompts.long_histories import Words, long_history
from tests.knowledge.prompts.long_plans import written
from tests.knowledge.prompts.plans import plan, prompts_of

TEMPLATES = sorted(p.name.removesuffix(".yaml") for p in prompt_folder().glob("*.yaml"))


def test_there_are_four_templates_in_two_languages():
    names = ("generic", "movie", "product", "short_video")
    assert [f"{n}.{la}" for n in names for la in ("en", "zh")] == TEMPLATES


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("form", ["full", "compact"])
def test_every_template_renders_the_history(name, form, history):
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


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("full: [", "not valid yaml"),
        ("just words", "expected keys"),
        ("compact: {user: a, scenario: b, item: c}", "no prompts under `full:`"),
        ("full: {user: a, item: c}", "full.scenario is missing"),
        ("full: {user: a, scenario: b, item: c, usr: d}", "full.usr is not a prompt"),
        ("full: {user: '{{ histroy }}', scenario: b, item: c}", "'histroy'; did you mean history"),
        ("full: {user: '{% if %}', scenario: b, item: c}", "full.user, line 1"),
        ("extends: nothing", "no template 'nothing'"),
    ],
)
def test_an_invalid_template_is_refused_with_its_line(tmp_path, text, words):
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


def test_close_names_are_suggested(history):
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


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ("{{ 'ab' * 1000000 }}", "repeated 1000000 times"),
        ("{{ 1000000 * [1] + [2] * 1000001 }}", "repeated 1000001 times"),
        ("{{ 9 ** 99999999 }}", "exponent of 99999999"),
        ("{% for i in range(9999) %}{{ 'x' * 999 }}{% endfor %}", "longer than 1,000,000 char"),
        ("{{ positives // 0 }}", "user: "),
        ("{{ scenarios[0].no_such_part.more }}", "no_such_part"),
        ("{{ [].pop() }}", "user: pop from empty list"),
    ],
)
def test_a_template_that_fails_or_writes_too_much_is_named(tmp_path, history, user, message):
    file = tmp_path / "own.yaml"
    file.write_text(yaml.safe_dump({"extends": "generic", "full": {"user": user}}))
    with pytest.raises(KnowledgeError, match=message) as raised:
        prompts_of(plan(history, prompt_template=str(file), prompt_form="full"))
    assert "own.yaml, full.user" in str(raised.value)


def test_the_documented_variables_are_those_that_are_given(history, tmp_path):
    lines = [
        f"  {kind}: '" + "".join("{{ " + v + " }}" for v in names) + "'"
        for kind, names in VARIABLES.items()
    ]
    path = tmp_path / "own.yaml"
    path.write_text("extends: generic\nfull:\n" + "\n".join(lines))
    found = plan(history, prompt_template=str(path), prompt_form="full", item_knowledge=True)
    assert found.user_and_item_prompts()


def test_templates_written_for_all_statistics_still_render(tmp_path):
    """A user's own template may loop over all scenarios with everything known of them."""
    path = tmp_path / "own.yaml"
    path.write_text(
        "extends: generic\nfull:\n  scenario: |-\n"
        "    {% for s in scenarios -%}\n"
        "    - {{ s.name }}: {{ s.description }} {{ s.user_count }} {{ s.item_count }}"
        " {{ s.interaction_count }} {{ '%.1f'|format(100 * s.positive_rate) }}"
        "{% for c in s.leading %} {{ c.name }} {{ c.count }}{% endfor %}"
        "{% for o in s.overlaps %} {{ o.name }} {{ o.user_share }} {{ o.item_share }}{% endfor %}\n"
        "    {% endfor -%}\n"
        "    {% for o in others %}{{ o.name }} {% endfor %}\n"
        "    What is special about {{ target.name }}?\n"
    )
    history = long_history("categories", 30, 0)
    encoder = Words(300, "full")
    found = written(history, encoder, prompt_template=str(path))
    assert encoder.prompt_tokens(found.scenarios).max() <= 300
    for name, prompt in zip(history.scenario_names, found.scenarios, strict=True):
        assert prompt.endswith(f"What is special about {name}?")
        assert prompt.count(f"- {name}:") == 1
