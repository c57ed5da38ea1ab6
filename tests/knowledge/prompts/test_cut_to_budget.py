"""Prompts stay within the encoder's token limit."""

import random

import pytest
import torch

from recbole_llm4msr.knowledge import KnowledgeError, KnowledgeOptions, prepare_knowledge
from recbole_llm4msr.knowledge.encoders.base import UNLIMITED
from recbole_llm4msr.knowledge.encoders.huggingface.encoder import PretrainedEncoder
from recbole_llm4msr.knowledge.prompts.cut_to_budget import first_pieces, in_turns, piece_count
from recbole_llm4msr.knowledge.prompts.writer import PromptWriter
from tests.knowledge.conftest import Settings
from tests.knowledge.prompts.long_histories import KINDS, Words, long_history, newest_titles
from tests.knowledge.prompts.long_plans import pretrained, users_of, written

USER_QUESTION = {"en": "What are this user's interests", "zh": "该用户有哪些兴趣"}
SCENARIO_QUESTION = {"en": "how does it differ from them?", "zh": "又有哪些不同"}
CLOSING = "<|im_end|>\n<|im_start|>assistant\n"  # of the chat template of the small decoder


@pytest.fixture(params=["words", "minilm", "qwen"])
def encoder(request, minilm, qwen):
    if request.param == "words":
        return Words(300)
    if request.param == "minilm":
        return pretrained(minilm, prompt_max_tokens=400)
    return pretrained(qwen, prompt_max_tokens=1600)  # its tokens are short: it knows few words


@pytest.mark.parametrize("scenarios", [1, 2, 3, 8, 30, 200])
@pytest.mark.parametrize("form", ["full", "compact"])
def test_prompts_are_within_the_limit_and_keep_their_instructions(encoder, form, scenarios):
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
        prompts = users_of(found)
        for user, title in newest_titles(history).items():
            assert title.split("z")[0] + "z" in prompts[user]
        for name, prompt in zip(history.scenario_names, found.scenarios, strict=True):
            assert name in prompt
        if form == "full":
            chats = [*found.users["prompt"], *found.scenarios]
            assert all(USER_QUESTION[language] in prompt for prompt in prompts.values())
            assert all(SCENARIO_QUESTION[language] in prompt for prompt in found.scenarios)
            if getattr(encoder, "causal", False):
                assert all(prompt.endswith(CLOSING) for prompt in chats)


@pytest.mark.parametrize("scenarios", [2, 3, 8, 30])
def test_scenario_vectors_of_a_decoder_differ(scenarios, qwen, settings):
    history = long_history("titles of 60", scenarios, 0, users=3)
    keys = {"knowledge": "transformers", "llm": qwen, "prompt_max_tokens": 900}
    found = prepare_knowledge(settings(**keys, knowledge_dtype="float32"), history).scenario
    assert found.shape == (scenarios, 128)
    apart = torch.pdist(torch.nn.functional.normalize(found))
    assert apart.min() > 0.05


def test_a_limit_below_the_shortest_prompt_is_an_error_with_the_tokens_needed():
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


def test_an_encoder_without_a_limit_counts_nothing():
    class Unlimited(Words):
        def count_tokens(self, texts):
            raise AssertionError("counted")

    history = long_history("titles of 60", 3, 0)
    assert users_of(written(history, Unlimited(UNLIMITED, "full")))
    whole = users_of(written(history, Words(UNLIMITED - 1, "full")))
    assert users_of(written(history, Unlimited(UNLIMITED, "full"))) == whole


def test_pieces_are_words_signs_or_parts_of_long_words():
    assert first_pieces("red garden  roses", 2) == "red garden"
    assert first_pieces("红色玫瑰 rose", 3) == "红色玫"
    assert first_pieces("x" * 60, 2) == "x" * 48
    assert first_pieces("red roses", 9) == "red roses"
    assert first_pieces("red roses", 0) == ""
    assert [piece_count(t) for t in ("", " ", "red  roses", "红色 x", "x" * 25)] == [0, 0, 2, 3, 2]


def test_in_turns_keeps_entries_of_all_lists():
    assert in_turns([3, 1, 2], [1, 0, 2], 2) == [1, 1, 0]
    assert in_turns([3, 1, 2], [1, 0, 2], 5) == [2, 1, 2]
    assert in_turns([3, 1, 2], [1, 0, 2], 0) == [0, 0, 0]
