"""Requests and responses as JSON, with a bound on every field."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

#: Largest number of items that one request scores.
MAX_CANDIDATES = 10_000
#: Largest number of items that one request is recommended.
MAX_K = 1_000
#: Most characters of a user, an item or a scenario.
MAX_ID = 1_024
#: Most fields beside user, item and scenario.
MAX_FIELDS = 64
#: Most characters of a text in such a field.
MAX_TEXT = 10_000
#: Most tokens of a sequence in such a field.
MAX_TOKENS = 1_000

_LARGEST = 2**63 - 1


def _check_value(value: Any) -> Any:
    """A value of a field: a text, a finite number, a list of texts, or none."""
    if value is None:
        return value
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, list):
        if len(value) > MAX_TOKENS:
            raise _fault(f"a sequence has at most {MAX_TOKENS:,} tokens, and not {len(value):,}")
        for token in value:
            if not isinstance(token, str):
                raise _fault("the tokens of a sequence are texts")
            _check_text(token)
    elif isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _fault("a value is a text, a number, a list of texts, or null")
    elif not -_LARGEST <= value <= _LARGEST:  # also refuses 1e999, which is read as infinity
        raise _fault("the number is too large")
    return value


def _check_text(text: str) -> None:
    if len(text) > MAX_TEXT:
        raise _fault(f"a text has at most {MAX_TEXT:,} characters, and not {len(text):,}")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise _fault("the text is not valid Unicode")


def _fault(message: str) -> PydanticCustomError:
    # Braces are for the names of values in a message of pydantic's.
    return PydanticCustomError("field_value", message.replace("{", "{{"))


Id = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID)]
Candidates = Annotated[list[Id], Field(min_length=1, max_length=MAX_CANDIDATES, fail_fast=True)]
Value = Annotated[
    Any,
    AfterValidator(_check_value),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "maxLength": MAX_TEXT},
                {"type": "number"},
                {"type": "array", "items": {"type": "string"}, "maxItems": MAX_TOKENS},
                {"type": "null"},
            ]
        }
    ),
]
Values = Annotated[list[Value], Field(min_length=1, max_length=MAX_CANDIDATES, fail_fast=True)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    user: Id = Field(description="Raw token of the user.")
    scenario: Id | None = Field(
        None, description="Raw token of the scenario; left out for a model without scenarios."
    )


class ScoreRequest(_Request):
    """Items to score for one user in one scenario."""

    candidates: Candidates = Field(description="Raw tokens of the items.")
    fields: dict[Id, Values] = Field(
        default_factory=dict,
        max_length=MAX_FIELDS,
        description="Fields of single interactions that the model reads, a value per candidate.",
    )


class RecommendRequest(_Request):
    """Request for the k best items of a user."""

    k: int = Field(10, ge=1, le=MAX_K, description="Number of items.")
    candidates: Candidates | None = Field(
        None, description="Raw tokens of the items to choose from; left out for all items."
    )
    exclude_seen: bool = Field(
        False, description="Leave out the items of the user's training rows."
    )


class ScoreResponse(BaseModel):
    """Click probabilities in the order of the candidates."""

    artefact: str = Field(description="Name of the artefact that scored.")
    scores: list[float]


class RecommendedItem(BaseModel):
    """An item and its click probability."""

    item: str
    score: float


class RecommendResponse(BaseModel):
    """Items of highest probability, the highest first."""

    artefact: str = Field(description="Name of the artefact that scored.")
    items: list[RecommendedItem]


class Status(BaseModel):
    """Whether the server can answer."""

    status: str
    artefact: str | None = Field(None, description="Name of the artefact that scores.")


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    field: str | None = Field(description="Name of the field, as in candidates.3; null for none.")
    message: str


class Faults(BaseModel):
    """What is wrong with a request, at most 20 faults."""

    errors: list[Fault]
