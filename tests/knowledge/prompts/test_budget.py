"""Prompts stay within the encoder's limit, and what must not be cut is not."""

import random

import pytest
import torch

from recbole_llm4msr.knowledge import KnowledgeError, KnowledgeOptions, prepare_knowledge
from recbole_llm4msr.knowledge.encoders.base import UNLIMITED
from recbole_llm4msr.knowledge.encoders.huggingface.encoder import PretrainedEncoder
from recbole_llm4msr.knowledge.prompts.budget import first_pieces, in_turns, piece_count
from recbole_llm4msr.knowledge.prompts.writer import PromptWriter
from tests.knowledge.conftest import Settings, make_history
from tests.knowledge.prompts.long_histories import KINDS, Words, long_history, newest_titles

USER_QUESTION = {"en": "What are this user's interests", "zh": "该用户有哪些兴趣"}
SCENARIO_QUESTION = {"en": "how does it differ from them?", "zh": "又有哪些不同"}
CLOSING = "<|im_end|>\n<|im_start|>assistant\n"  # of the chat template of the small decoder


def written(history, encoder, **keys):
    fields = {"item_text_fields": ["title"], "item_category_field": "kind", "item_knowledge": True}
    options = KnowledgeOptions.from_config(Settings({**fields, **keys}))
    return PromptWriter(history, options, encoder).plan()


def pretrained(llm, **keys):
    return PretrainedEncoder(KnowledgeOptions(knowledge="transformers", llm=llm, **keys))


def users_of(found):
    return dict(found.full.select("user", "prompt").iter_rows())


@pytest.fixture(params=["words", "minilm", "qwen"])
def encoder(request, minilm, qwen):
    if request.param == "words":
        return Words(300)
    if request.param == "minilm":
        return pretrained(minilm, prompt_max_tokens=400)
    return pretrained(qwen, prompt_max_tokens=1600)  # its tokens are short: it knows few words


@pytest.mark.parametrize("scenarios", [1, 2, 3, 8, 30, 200])
@pytest.mark.parametrize("form", ["full", "compact"])
def test_no_prompt_is_longer_than_its_limit_and_no_frame_is_cut(encoder, form, scenarios):
    kinds = KINDS if scenarios <= 8 else KINDS[:3] if scenarios == 30 else KINDS[1:2]
    for seed, kind in enumerate(kinds):
        draw = random.Random(f"{form} {scenarios} {kind}")
        history = long_history(kind, scenarios, seed)
        language = draw.choice(["en", "zh"])
        found = written(
            history,
            encoder,
            prompt_form=form,
            prompt_template=draw.choice(["generic", "movie", "product", "short_video"]),
            prompt_language=language,
            knowledge_pooling=draw.choice(["auto", "eol"]),
            item_category_field=None if kind == "often" else "kind",
            knowledge_folds=draw.choice([1, 3]) if scenarios <= 8 else 1,
        )
        prompts = found.user_and_item_prompts() + found.scenarios
        assert encoder.prompt_tokens(prompts).max() <= encoder.max_tokens
        read = found.scenarios
        if isinstance(encoder, PretrainedEncoder):
            assert encoder.tokenise(prompts).truncated == 0
            read = [tuple(ids) for ids in encoder.tokenise(found.scenarios).ids]
        assert len(set(read)) == scenarios
        told = users_of(found)
        for user, title in newest_titles(history).items():
            assert title.split("z")[0] + "z" in told[user]
        for name, prompt in zip(history.scenario_names, found.scenarios, strict=True):
            assert name in prompt
        if form == "full":
            chats = [*found.users["prompt"], *found.scenarios]
            assert all(USER_QUESTION[language] in prompt for prompt in told.values())
            assert all(SCENARIO_QUESTION[language] in prompt for prompt in found.scenarios)
            if getattr(encoder, "causal", False):
                assert all(prompt.endswith(CLOSING) for prompt in chats)


@pytest.mark.parametrize("scenarios", [2, 3, 8, 30])
def test_a_decoder_tells_the_scenarios_apart(scenarios, qwen, settings):
    history = long_history("titles of 60", scenarios, 0, users=3)
    keys = {"knowledge": "transformers", "llm": qwen, "prompt_max_tokens": 900}
    found = prepare_knowledge(settings(**keys, knowledge_dtype="float32"), history).scenario
    assert found.shape == (scenarios, 128)
    apart = torch.pdist(torch.nn.functional.normalize(found))
    assert apart.min() > 0.05


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


def test_a_frame_that_does_not_fit_names_the_tokens_it_needs():
    history = long_history("often", 3, 0)
    with pytest.raises(KnowledgeError, match="prompt_max_tokens: user prompts.* limit of 20") as e:
        written(history, Words(20, "full"))
    needed = int(str(e.value).split("set it to ")[1].split()[0])
    assert 20 < needed < 120
    with pytest.raises(KnowledgeError, match="prompt_max_tokens: scenario prompts"):
        written(history, Words(needed, "full"))
    assert max(map(len, map(str.split, users_of(users_only(history, needed)).values()))) == needed


def users_only(history, limit):
    """The plan for a limit that the scenarios' prompts need not keep."""
    encoder = Words(limit, "full")
    options = KnowledgeOptions.from_config(Settings({"item_text_fields": ["title"]}))
    writer = PromptWriter(history, options, encoder)
    writer._scenario_prompts = list
    return writer.plan()


@pytest.mark.parametrize("scenarios", [3, 30])
def test_a_scenario_is_described_whole_before_the_others(scenarios):
    history = long_history("often", scenarios, 0)
    for place, prompt in enumerate(written(history, Words(230, "full")).scenarios):
        name = history.scenario_names[place]
        own = prompt.split("\n")[1]
        assert own.startswith(f"- {name}: {history.scenario_descriptions[place]}. ")
        assert "% positive. Leading: " in own
        assert "Shares " in own
        assert prompt.endswith(f'"{name}" share with the others, and how does it differ from them?')


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


def test_item_texts_are_shortened_by_words():
    found = written(long_history("titles of 400", 2, 0), Words(40), item_category_field=None)
    for prompt in found.items["prompt"]:
        assert len(prompt.split()) == 40
    found = written(long_history("categories", 2, 0), Words(20))
    for prompt in found.items["prompt"]:
        text, category = prompt.split(" (")
        assert len(text.split()) == 6
        assert len(category.split()) == 14


def test_an_encoder_without_a_limit_counts_nothing():
    class Unlimited(Words):
        def count_tokens(self, texts):
            raise AssertionError("counted")

    history = long_history("titles of 60", 3, 0)
    assert users_of(written(history, Unlimited(UNLIMITED, "full")))
    whole = users_of(written(history, Words(UNLIMITED - 1, "full")))
    assert users_of(written(history, Unlimited(UNLIMITED, "full"))) == whole


def test_the_newest_of_all_scenarios_is_the_one_that_stays():
    rows = [("ann", "i1", "home", 1, 1), ("ann", "i2", "home", 1, 2), ("ann", "i3", "play", 1, 9)]
    history = make_history(rows)
    keys = {"item_knowledge": False, "item_category_field": None}
    assert users_of(written(history, Words(12), **keys))["ann"] == (
        "Home and Garden: steel kitchen knife. Toys: wooden train set."
    )
    assert users_of(written(history, Words(9), **keys))["ann"] == "Toys: wooden train set."


def test_pieces_are_words_signs_or_parts_of_endless_words():
    assert first_pieces("red garden  roses", 2) == "red garden"
    assert first_pieces("红色玫瑰 rose", 3) == "红色玫"
    assert first_pieces("x" * 60, 2) == "x" * 48
    assert first_pieces("red roses", 9) == "red roses"
    assert first_pieces("red roses", 0) == ""
    assert [piece_count(t) for t in ("", " ", "red  roses", "红色 x", "x" * 25)] == [0, 0, 2, 3, 2]


def test_lists_take_turns():
    assert in_turns([3, 1, 2], [1, 0, 2], 2) == [1, 1, 0]
    assert in_turns([3, 1, 2], [1, 0, 2], 5) == [2, 1, 2]
    assert in_turns([3, 1, 2], [1, 0, 2], 0) == [0, 0, 0]
