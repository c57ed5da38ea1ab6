from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from recbole_llm4msr.knowledge import KnowledgeError, KnowledgeOptions
from tests.knowledge.conftest import Settings

PROPERTIES = Path(__file__).parents[2] / "properties"


def test_yaml_and_class_agree_on_keys_and_defaults():
    written = yaml.safe_load((PROPERTIES / "knowledge.yaml").read_text())
    known = {f.name: f.default for f in fields(KnowledgeOptions)}
    assert written == known


def test_values_of_a_command_line_get_their_types():
    options = KnowledgeOptions.from_config(
        Settings(knowledge_size="32", item_text_fields="[title, kind]", endpoint_timeout=5)
    )
    assert options.knowledge_size == 32
    assert options.item_text_fields == ("title", "kind")
    assert options.endpoint_timeout == 5.0


def test_an_llm_without_knowledge_is_used() -> None:
    def kind(**keys: str) -> str:
        return KnowledgeOptions.from_config(Settings(keys)).knowledge

    assert kind() == "lsa"
    assert kind(llm="m") == "transformers"
    assert kind(llm="m", endpoint_url="http://u") == "endpoint"
    assert kind(llm="m", knowledge="lsa") == "lsa"


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"knowledge": "llm"}, "one of lsa, transformers"),
        ({"knowledge": "transformers"}, "--llm="),
        ({"knowledge": "endpoint", "llm": "m"}, "endpoint_url"),
        ({"knowledge_folds": 0}, "below 1"),
        ({"knowledge_size": "many"}, "is not a whole number"),
        ({"knowledge_size": 1.5}, "is not a whole number"),
        ({"knowledge_size": True}, "is not a whole number"),
        ({"item_knowledge": "yes"}, "neither True nor False"),
    ],
)
def test_wrong_values_are_refused(keys, words):
    with pytest.raises(KnowledgeError, match=words):
        KnowledgeOptions.from_config(Settings(keys))
