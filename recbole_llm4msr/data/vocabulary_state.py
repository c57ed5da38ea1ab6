"""What a trained model has to remember of its data: vocabularies, ranges, fields and scenarios.

A checkpoint carries it as ``config.trained_data``, a plain dict that ``encode`` makes of a data set
and ``decode`` reads. A data set made with such a configuration gives every raw token the id it was
trained with, and scales every number as in training, whatever its files hold today.

    state = encode(train_data.dataset)       # plain values and uint8 tensors, loads weights_only
    trained = decode(state)                  # a VocabularyState
    trained.ids_of("user_id", ["u7", "u9"])  # int64 ids; 0 (padding) where never seen
    trained.is_known("user_id", ["u7"])      # bool
    trained.tokens["user_id"]                # tokens by id, "[PAD]" first
    trained.scenario_tokens, trained.scenario_names
    trained.scale("item_feat", "price", values)    # missing values filled, range of training
    trained.types["price"], trained.lengths["tags"], trained.label_field

``load_checkpoint(path)["config"].trained_data`` is the dict of a checkpoint. A token that training
has not seen has the id 0, RecBole's id of a missing value, in every field; an unknown scenario is
an error, as no layer of a model was trained for it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from recbole.data.dataset import Dataset

from recbole_llm4msr.data.numbers import NumberRules
from recbole_llm4msr.data.vocabulary import TokenIds

#: Increased when :func:`decode` could not read what an older version wrote.
_FORMAT = 1

_FIELDS = ("uid_field", "iid_field", "label_field", "time_field", "scenario_field")


@dataclass(frozen=True)
class VocabularyState:
    """Everything of the training data that gives a row its ids and numbers.

    Attributes:
        tokens: Tokens by id of every token field, ``"[PAD]"`` first; fields of one id space share
            the array.
        types: Type of every field: ``token``, ``token_seq``, ``float`` or ``float_seq``.
        sources: The file of every field: ``inter``, ``user``, ``item``; ``user_id`` and ``item_id``
            for the keys.
        lengths: Length of every field, 1 for single values.
        sizes: Number of buckets of numeric fields.
        numbers: How numbers are filled, scaled and put into buckets.
        fields: Names of the fields ``uid_field``, ``iid_field``, ``label_field``, ``time_field``
            and ``scenario_field``; ``None`` where there is none.
        scenario_names: Display names of the scenarios in id order.
    """

    tokens: dict[str, np.ndarray]
    types: dict[str, str]
    sources: dict[str, str]
    lengths: dict[str, int]
    sizes: dict[str, int]
    numbers: NumberRules
    fields: dict[str, str | None]
    scenario_names: list[str]

    @property
    def label_field(self) -> str | None:
        """Name of the label field."""
        return self.fields["label_field"]

    @property
    def scenario_field(self) -> str | None:
        """Name of the scenario field."""
        return self.fields["scenario_field"]

    @property
    def scenario_tokens(self) -> list[str]:
        """Raw tokens of the scenarios in id order, without padding; empty without scenarios."""
        field = self.scenario_field
        return [] if field is None else [str(token) for token in self.tokens[field][1:]]

    @cached_property
    def token_ids(self) -> dict[str, TokenIds]:
        """The id of every token, by field."""
        shared: dict[int, TokenIds] = {}
        return {f: shared.setdefault(id(t), TokenIds(t)) for f, t in self.tokens.items()}

    def ids_of(self, field: str, tokens: Sequence[str]) -> np.ndarray:
        """Ids of raw tokens, int64, same shape; 0 for tokens that training has not seen."""
        ids = self.token_ids[field]
        found = [0 if token == "[PAD]" else ids.get(token, 0) for token in map(str, tokens)]
        return np.array(found, dtype=np.int64)

    def is_known(self, field: str, tokens: Sequence[str]) -> np.ndarray:
        """Whether training has seen each token, bool, same shape."""
        return self.ids_of(field, tokens) > 0

    def scale(self, feat: str, field: str, values: np.ndarray) -> np.ndarray:
        """Fill missing values (NaN) and normalise numbers as in training.

        Args:
            feat: The table the field is in: ``inter_feat``, ``user_feat`` or ``item_feat``.
            field: A field of type float.
            values: The numbers, shape ``(n,)``.
        """
        return self.numbers.scaled(
            f"{feat}.{field}", self.numbers.filled(f"{feat}.{field}", values)
        )

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the whole state."""
        digest = hashlib.sha256()
        done: set[int] = set()
        for field in sorted(self.tokens):
            digest.update(f"{field}\x1e".encode())
            if id(self.tokens[field]) not in done:
                done.add(id(self.tokens[field]))
                digest.update("\x1f".join(self.tokens[field].tolist()).encode())
        rest = [self.types, self.sources, self.lengths, self.sizes, self.fields]
        plain = [*rest, self.scenario_names, self.numbers.to_plain()]
        digest.update(json.dumps(plain, sort_keys=True).encode())
        return digest.hexdigest()


def encode(dataset: Dataset) -> dict[str, Any]:
    """Collect the state of a data set as plain values and tensors, for a checkpoint.

    Args:
        dataset: The training split, after :meth:`build`, which knows the ranges of its numbers.
    """
    # RecBole's names of fields are numpy's strings, which a checkpoint cannot hold.
    by_field = {str(field): tokens for field, tokens in dataset.field2id_token.items()}
    spaces: dict[int, str] = {}
    for field, tokens in by_field.items():
        spaces.setdefault(id(tokens), field)
    # Without the fields that negative sampling names, which no table has.
    tables = (getattr(dataset, name) for name in dataset.feat_name_list)
    present = {str(field) for table in tables for field in table.columns}
    types = {str(f): kind.value for f, kind in dataset.field2type.items() if f in present}
    rules = getattr(dataset, "number_rules", None) or NumberRules()
    return {
        "format": _FORMAT,
        "tokens": {field: _pack(by_field[field]) for field in spaces.values()},
        "spaces": {field: spaces[id(tokens)] for field, tokens in by_field.items()},
        "types": types,
        "sources": {field: _source(dataset.field2source[field]) for field in types},
        "lengths": {field: int(dataset.field2seqlen[field]) for field in types},
        "sizes": {str(field): int(n) for field, n in dataset.field2bucketnum.items()},
        "numbers": rules.to_plain(),
        "fields": {name: getattr(dataset, name, None) for name in _FIELDS},
        "scenario_names": list(getattr(dataset, "scenario_names", [])),
    }


def _source(source: Any) -> str:
    return str(getattr(source, "value", source))


def decode(state: dict[str, Any]) -> VocabularyState:
    """Read what :func:`encode` returned.

    Raises:
        ValueError: It is not such a state, or one of a later version.
    """
    try:
        version = state["format"]
        if version != _FORMAT:
            raise ValueError(f"format {version}, this version reads format {_FORMAT}")
        packed = {field: _unpack(*values) for field, values in state["tokens"].items()}
        return VocabularyState(
            tokens={field: packed[space] for field, space in state["spaces"].items()},
            types=dict(state["types"]),
            sources=dict(state["sources"]),
            lengths=dict(state["lengths"]),
            sizes=dict(state["sizes"]),
            numbers=NumberRules.from_plain(state["numbers"]),
            fields={name: state["fields"][name] for name in _FIELDS},
            scenario_names=[str(name) for name in state["scenario_names"]],
        )
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError, ValueError) as error:
        raise ValueError(f"the vocabulary cannot be read ({error!r})") from error


def differences(trained: VocabularyState, other: VocabularyState) -> list[str]:
    """Names of the fields that have other tokens, sizes or ranges in one state than in another."""
    differing = [
        field
        for field in {**trained.tokens, **other.tokens}
        if not np.array_equal(trained.tokens.get(field, ()), other.tokens.get(field, ()))
    ]
    for field in {**trained.types, **other.types}:
        if field not in differing and any(
            getattr(trained, part).get(field) != getattr(other, part).get(field)
            for part in ("types", "sizes")
        ):
            differing.append(field)
    return [*differing, *trained.numbers.differences(other.numbers)]


def changed_fields(state: dict[str, Any], dataset: Dataset) -> list[str]:
    """Names of the fields that a data set has with other tokens, sizes or ranges than a state.

    Args:
        state: What :func:`encode` returned for the training data.
        dataset: The data set to compare.
    """
    return differences(decode(state), decode(encode(dataset)))


def _pack(tokens: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """The texts behind one another as UTF-8, and the number of characters of each."""
    texts = np.asarray(tokens, dtype=str)
    lengths = np.char.str_len(texts)
    kind = np.uint8 if lengths.max(initial=0) < 256 else np.int32
    joined = "".join(texts.tolist()).encode("utf-8", "surrogatepass")
    return (
        torch.from_numpy(np.frombuffer(joined, dtype=np.uint8).copy()),
        torch.from_numpy(lengths.astype(kind)),
    )


def _unpack(joined: torch.Tensor, lengths: torch.Tensor) -> np.ndarray:
    text = joined.cpu().numpy().tobytes().decode("utf-8", "surrogatepass")
    ends = np.cumsum(lengths.cpu().numpy(), dtype=np.int64).tolist()
    if (ends[-1] if ends else 0) != len(text):
        raise ValueError("tokens are missing")
    return np.array([text[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)], dtype=str)
