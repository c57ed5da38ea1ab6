"""Check one written setting: its type, its bounds, the keys inside it and its choices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from recbole_llm4msr.config import names
from recbole_llm4msr.config.known_keys import unknown_keys
from recbole_llm4msr.config.schema import Option
from recbole_llm4msr.config.schema.bounds import bounds_error
from recbole_llm4msr.config.schema.intervals import interval_error
from recbole_llm4msr.config.schema.llm4msr import LLM4MSR
from recbole_llm4msr.config.schema.mappings import sub_key_error
from recbole_llm4msr.config.schema.run import RUN
from recbole_llm4msr.config.value_types import type_error

#: RecBole's optimizers; it takes Adam, with a warning, for any other name.
_LEARNERS = ("adam", "adamw", "sgd", "adagrad", "rmsprop", "sparse_adam")

#: Levels of messages; RecBole takes INFO for any other name.
_STATES = ("INFO", "DEBUG", "ERROR", "WARNING", "CRITICAL")


def value_error(
    key: str,
    value: Any,
    place: str,
    option: Option | None,
    additional_suffixes: Iterable[str] = (),
) -> str | None:
    """Describe what is wrong with a setting by itself.

    Args:
        key: Its name.
        value: Its value.
        place: Where it was written.
        option: Its type; ``None`` where that is not known.
        additional_suffixes: Suffixes of a data set's further files.

    Returns:
        A sentence with key, place, value and the nearest right form; ``None`` where all is right.
    """
    start = f"{key} ({place}): "
    wanted = type_error(value, option) if option else None
    if wanted:
        return f"{start}{value!r} is not {wanted}"
    wanted = bounds_error(key, value)
    if wanted:
        return f"{start}{value!r} {wanted}"
    wanted = sub_key_error(key, value, additional_suffixes) or _bucket_error(key, value)
    if wanted:
        return start + wanted
    wanted = interval_error(key, value)
    if wanted:
        return f"{start}{value!r} {wanted}"
    return _metric_error(key, value, start) or _choice_error(key, value, start)


def _metric_error(key: str, value: Any, start: str) -> str | None:
    if key not in ("metrics", "valid_metric"):
        return None
    written = value if isinstance(value, list) else [value]
    if key == "valid_metric":
        if not isinstance(value, str) or not all(value.split("@")):
            form = "is not the name of one metric, as AUC, auc@<scenario> or NDCG@10"
            return f"{start}{value!r} {form}"
        written = [value.partition("@")[0]]
    for metric in map(str.lower, map(str, written)):
        if metric in names.metrics():
            continue
        name, _, k = metric.partition("@")
        near = unknown_keys([metric], names.metrics())[metric]
        hint = f"did you mean {near}? " if near else ""
        if name in names.metrics() and k.isdigit():
            hint = f"write {name.upper()}, and {k} into topk: [{k}]. "
        return (
            f"{start}there is no metric {metric!r}; {hint}A list is written as "
            f"['AUC', 'LogLoss']; there are {', '.join(names.metrics())}"
        )
    return None


def _bucket_error(key: str, value: Any) -> str | None:
    """Describe a number of buckets of ``discretization`` that is not one."""
    if key != "discretization" or not isinstance(value, dict):
        return None
    for field, form in value.items():
        bucket = form.get("bucket", 1) if isinstance(form, dict) else form
        if type(bucket) is not int or bucket < 1:
            return (
                f"{field}: {bucket!r} is not a number of buckets, as "
                f"{{{field}: {{method: ED, bucket: 10}}}}"
            )
    return None


def _choice_error(key: str, value: Any, start: str) -> str | None:
    if key == "learner" and isinstance(value, str) and value.lower() not in _LEARNERS:
        return f"{start}there is no optimizer {value!r}; there are {', '.join(_LEARNERS)}"
    if key == "state" and isinstance(value, str) and value.upper() not in _STATES:
        return f"{start}{value!r} is not one of {', '.join(_STATES)}"
    # Those of knowledge and of the models are checked where they are read.
    option = RUN.get(key) or LLM4MSR.get(key)
    choices = option.choices if option else ()
    if choices and isinstance(value, str) and value not in choices:
        return f"{start}{value!r} is not one of {', '.join(choices)}"
    return None
