"""The state of a data set's vocabularies and numbers survives encoding, saving and decoding."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from recbole_llm4msr import Config, create_dataset
from recbole_llm4msr.data.numbers import NumberRules
from recbole_llm4msr.data.vocabulary_state import _pack, _unpack, decode, differences, encode
from tests.toy import toy_settings


@pytest.mark.parametrize(
    "tokens",
    [
        ["[PAD]"],
        ["[PAD]", "007", "7", "7.0", "null", "nan", " ", "-1"],
        ["[PAD]", "名前", "\U0001f600", "e\u0301", "x" * 300, "a\tb", "\x1f"],
    ],
)
def test_tokens_of_any_text_are_the_same_after_packing(tokens) -> None:
    packed = _pack(np.array(tokens))
    assert all(isinstance(part, torch.Tensor) for part in packed)
    assert _unpack(*packed).tolist() == tokens


def test_a_state_is_that_of_the_data_set_after_saving(toy, tmp_path) -> None:
    dataset = create_dataset(Config("STAR", "toy", None, toy_settings(tmp_path)))
    train, *_ = dataset.build()
    torch.save(encode(train), tmp_path / "state")
    state = decode(torch.load(tmp_path / "state", weights_only=True))
    for field, tokens in dataset.field2id_token.items():
        assert state.tokens[field].tolist() == tokens.tolist()
        assert state.ids_of(field, tokens[1:]).tolist() == list(range(1, len(tokens)))
    assert state.ids_of("user_id", ["nobody", "[PAD]"]).tolist() == [0, 0]
    assert state.is_known("user_id", ["u1", "nobody"]).tolist() == [True, False]
    assert state.scenario_tokens == ["feed", "mail", "search"]
    assert state.scenario_names == ["Home feed", "mail", "Search page"]
    assert (state.label_field, state.scenario_field) == ("label", "scenario")
    assert (state.types["tags"], state.lengths["tags"]) == ("token_seq", 2)
    assert state.scale("item_feat", "price", np.array([np.nan]))[0] == pytest.approx(20.5 / 7, 1e-3)
    again = decode(encode(train))
    assert again.fingerprint == state.fingerprint
    assert differences(state, again) == []


def test_a_difference_is_named_by_its_field(toy, tmp_path) -> None:
    train, *_ = create_dataset(Config("STAR", "toy", None, toy_settings(tmp_path))).build()
    state = decode(encode(train))
    lines = (toy / "toy.inter").read_text().splitlines()
    (toy / "toy.inter").write_text("\n".join([lines[0], *lines[:0:-1]]) + "\n")
    other = decode(encode(create_dataset(Config("STAR", "toy", None, toy_settings(tmp_path)))))
    assert differences(state, other) == ["user_id", "item_id"]
    assert other.fingerprint != state.fingerprint


@pytest.mark.parametrize("broken", ["nothing", {}, {"format": 99}])
def test_another_content_is_an_error_that_says_so(broken) -> None:
    with pytest.raises(ValueError, match="the vocabulary cannot be read"):
        decode(broken)


def test_a_lost_character_is_noticed() -> None:
    joined, lengths = _pack(np.array(["[PAD]", "u1"]))
    with pytest.raises(ValueError, match="tokens are missing"):
        _unpack(joined[:-1], lengths)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        # Bucket of -9, 0, 5, 10, 99 where the training values were 0 .. 10.
        ({"method": "ED", "bucket": 5}, [1, 1, 3, 5, 5]),
        ({"method": "LD"}, [0, 0, 3, 6, 6]),
    ],
)
def test_numbers_beyond_the_training_range_are_in_the_outer_buckets(method, expected) -> None:
    rules = NumberRules()
    rules.learn_buckets("inter_feat.n", np.arange(11.0), method)
    given = np.array([-9.0, 0.0, 5.0, 10.0, 99.0])
    assert rules.bucketed("inter_feat.n", given).tolist() == expected
    plain = NumberRules.from_plain(rules.to_plain())
    assert plain.bucketed("inter_feat.n", given).tolist() == expected


def test_a_normalised_field_keeps_the_training_range() -> None:
    rules = NumberRules(ranges={"inter_feat.n": [2.0, 4.0], "inter_feat.one": [3.0, 3.0]})
    assert rules.scaled("inter_feat.n", np.array([2.0, 3.0, 6.0])).tolist() == [0.0, 0.5, 2.0]
    assert rules.scaled("inter_feat.one", np.array([2.0, 3.0])).tolist() == [1.0, 1.0]
    assert rules.scaled("inter_feat.other", np.array([2.0])).tolist() == [2.0]
