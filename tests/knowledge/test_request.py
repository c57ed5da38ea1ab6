"""The fingerprint of a request, and the refusal to build."""

import pytest

from recbole_llm4msr.knowledge import KnowledgeError, prepare_knowledge
from recbole_llm4msr.knowledge.options import KnowledgeOptions
from recbole_llm4msr.knowledge.workbench import Workbench
from tests.knowledge.conftest import make_history


@pytest.mark.parametrize(
    "change",
    [
        {"knowledge_size": 2},
        {"prompt_history": 1},
        {"prompt_language": "zh"},
        {"prompt_form": "full"},
        {"interaction_threshold": 2},
        {"knowledge_folds": 2},
        {"knowledge_whiten": True},
        {"knowledge": "random"},
    ],
)
def test_an_option_of_the_request_changes_the_fingerprint(change, history, settings):
    one = prepare_knowledge(settings(), history)
    two = prepare_knowledge(settings(**change), history)
    assert one.fingerprint != two.fingerprint
    assert "made" in two.summary


@pytest.mark.parametrize("change", [{"prompt_max_tokens": 40}, {"knowledge_pooling": "eol"}])
def test_prompt_options_of_an_endpoint_change_the_fingerprint(change, history, settings):
    asked = {"knowledge": "endpoint", "llm": "m", "endpoint_url": "http://localhost:1"}
    found = [
        Workbench.open(given, history, KnowledgeOptions.from_config(given)).fingerprint
        for given in (settings(**asked), settings(**asked), settings(**asked, **change))
    ]
    assert found[0] == found[1] != found[2]


def test_other_data_has_another_fingerprint(history, settings):
    one = prepare_knowledge(settings(), history)
    two = prepare_knowledge(settings(), make_history(history.rows.rows()[:-1]))
    assert one.fingerprint != two.fingerprint


def test_a_store_of_other_data_is_refused_with_the_differences(history, settings):
    prepare_knowledge(settings(), history)
    other = make_history(history.rows.rows()[:-1])
    with pytest.raises(KnowledgeError, match=r"not made for this run.*tiny, differs in data"):
        prepare_knowledge(settings(knowledge_build=False), other)
    with pytest.raises(KnowledgeError, match=r"differs in .*prompt_history: 8 there, 3 here"):
        prepare_knowledge(settings(knowledge_build=False, prompt_history=3), history)
    assert "re-used all" in prepare_knowledge(settings(knowledge_build=False), history).summary


def test_an_empty_store_is_refused_without_knowledge_build(history, settings):
    with pytest.raises(KnowledgeError, match="holds no prepared knowledge"):
        prepare_knowledge(settings(knowledge_build=False), history)
