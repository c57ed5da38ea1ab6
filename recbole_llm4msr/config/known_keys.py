"""List the known configuration keys, and find the nearest one to an unknown key."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import recbole

#: Folder of RecBole's own yaml files.
RECBOLES_PROPERTIES = Path(recbole.__file__).parent / "properties"

#: Keys that RecBole 1.2.1 reads and no yaml of its own mentions (a test reads its sources).
_READ_WITHOUT_DEFAULT = frozenset(
    [
        "cin",
        "config_files",
        "contrast",
        "dataset",
        "discretization",
        "double_tower",
        "encoding",
        "eta",
        "feature_num",
        "group_offset",
        "has_residual",
        "ip",
        "local_rank",
        "model",
        "neg_sampling",
        "norm",
        "nproc",
        "numerical_features",
        "offset",
        "port",
        "sim",
        "tail_ratio",
        "token_num_threshold",
        "training_neg_sample_num",
        "use_filter",
        "verbose",
        "world_size",
        "xgb_early_stopping_rounds",
    ]
)

_KEY = re.compile(r"^([A-Za-z_][\w-]*):", re.MULTILINE)


def properties_folder() -> Path:
    """Folder of this package's yaml files: installed inside it, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    installed = package / "properties"
    return installed if installed.is_dir() else package.parent / "properties"


def recboles_files(model: str) -> list[Path]:
    """RecBole's yaml files that a model reads beside those of its data set."""
    names = ("overall.yaml", "dataset/sample.yaml", f"model/{model}.yaml")
    return [file for name in names if (file := RECBOLES_PROPERTIES / name).is_file()]


class DescribedKey(NamedTuple):
    """A key of a yaml file with its comment: ``key: default  # (types) Meaning.``"""

    default: str
    types: str
    meaning: str


_DESCRIBED = re.compile(r"^(\w+):[ \t]*([^#\n]*?)[ \t]*#[ \t]*\(([^)]*)\)[ \t]*(.*)", re.MULTILINE)


def described_keys(file: Path) -> dict[str, DescribedKey]:
    """The keys of a yaml file that have a comment with types and meaning."""
    found = _DESCRIBED.findall(file.read_text(encoding="utf-8"))
    return {key: DescribedKey(default, types, text.strip()) for key, default, types, text in found}


@cache
def keys_by_file() -> dict[Path, frozenset[str]]:
    """The keys of every yaml file of RecBole or of this package that sets options."""
    return {
        file: frozenset(_KEY.findall(file.read_text(encoding="utf-8")))
        for folder in (RECBOLES_PROPERTIES, properties_folder())
        for file in folder.rglob("*.yaml")
        if "prompts" not in file.parts and not file.name.endswith("url.yaml")
    }


#: Keys of the launcher that RecBole does not have.
_OF_LAUNCHER = frozenset(["oversubscribe"])


@cache
def known_keys() -> frozenset[str]:
    """Every key that a yaml of RecBole or of this package mentions, or that RecBole reads."""
    return _READ_WITHOUT_DEFAULT.union(_OF_LAUNCHER, *keys_by_file().values())


@cache
def keys_of(model: str) -> frozenset[str]:
    """The known keys without those that are options of other models only.

    All known keys for a model without a yaml file, as one of another package.
    """
    names = {model.removeprefix("LLM4MSR_")}
    if model not in names:
        names.add("LLM4MSR")
    of_models = {file: file.stem for file in keys_by_file() if file.parent.name == "model"}
    if not names <= set(of_models.values()):
        return known_keys()
    mine = [keys for file, keys in keys_by_file().items() if of_models.get(file) in {None, *names}]
    return _READ_WITHOUT_DEFAULT.union(_OF_LAUNCHER, *mine)


def unknown_keys(keys: Iterable[str], known: Iterable[str]) -> dict[str, str | None]:
    """Keys that are not known, each with the nearest known one (``None`` where none is near).

    ``alias_of_<field>`` is known for every field, as in RecBole.
    """
    known = set(known)
    return {
        key: next(iter(difflib.get_close_matches(str(key), known, n=1, cutoff=0.6)), None)
        for key in keys
        if key not in known and not str(key).startswith("alias_of_")
    }


def unknown_keys_message(unknown: Mapping[str, str | None], sources: Mapping[str, str]) -> str:
    """Say which keys are unknown, each with its place and the nearest known key.

    Args:
        unknown: What :func:`unknown_keys` returned.
        sources: Where every key was written.
    """
    lines = [
        f"  {key} ({sources[key]})" + (f": did you mean {near}?" if near else "")
        for key, near in unknown.items()
    ]
    return (
        "unknown configuration keys:\n" + "\n".join(lines) + "\n"
        "A key that your own code reads passes with `allow_unknown_keys: True`."
    )
