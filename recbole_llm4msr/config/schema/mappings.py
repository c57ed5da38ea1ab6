"""Keys inside mapping settings, such as those of ``eval_args``, of this package and of RecBole."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from recbole_llm4msr.config.known_keys import unknown_keys

#: The keys of a mapping by its setting; ``eval_args.mode`` is the mapping inside ``eval_args``,
#: and ``discretization.*`` every mapping inside ``discretization``.
SUB_KEYS: dict[str, tuple[str, ...]] = {
    "eval_args": ("split", "group_by", "order", "mode"),
    "eval_args.mode": ("valid", "test"),
    "train_neg_sample_args": (
        "distribution", "sample_num", "alpha", "dynamic", "candidate_num",
    ),
    "clip_grad_norm": ("max_norm", "norm_type", "error_if_nonfinite", "foreach"),
    "discretization.*": ("method", "bucket"),
    "scenario_from": ("field", "bins", "mapping", "labels", "names", "descriptions"),
}  # fmt: skip

#: Settings by the suffix of an atomic file; a suffix of its own is in ``additional_feat_suffix``.
BY_SUFFIX = ("load_col", "unload_col", "unused_col")
_SUFFIXES = ("inter", "user", "item", "scenario", "kg", "link", "net")


def sub_key_error(key: str, value: Any, additional_suffixes: Iterable[str] = ()) -> str | None:
    """Describe the first key inside a mapping setting that nothing reads.

    Args:
        key: Name of the setting; ``eval_args.mode`` for a mapping inside it.
        value: Its value; anything but a mapping is not looked at.
        additional_suffixes: Suffixes of a data set's further files (``additional_feat_suffix``).

    Returns:
        The end of a sentence, with the nearest known key; ``None`` where all keys are known.
    """
    if not isinstance(value, dict):
        return None
    parent = key.rpartition(".")[0]
    known = SUB_KEYS.get(key) or SUB_KEYS.get(f"{parent}.*")
    if key in BY_SUFFIX:
        known = (*_SUFFIXES, *additional_suffixes)
    if known:
        for wrong, near in unknown_keys(value, known).items():
            hint = f"; did you mean {near}?" if near else f"; there are {', '.join(known)}"
            inside = "" if "." not in key else f"{key.partition('.')[2]}: "
            return f"{inside}there is no {wrong!r}{hint}"
    errors = (sub_key_error(f"{key}.{name}", inner) for name, inner in value.items())
    return next(filter(None, errors), None)
