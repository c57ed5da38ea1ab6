"""Texts of ``--help``, ``--help-all`` and ``--model=NAME --help``, within 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

_USAGE = """\
Train and evaluate a multi-scenario model, with or without the knowledge of a
language model.

  python run_recbole.py --model=LLM4MSR_STAR --dataset=ml-100k
  python run_recbole.py --model=DeepFM --dataset=ml-100k    (RecBole's own, too)

  --model=NAME          LLM4MSR_<Backbone>, <Backbone>, or a model of RecBole
  --dataset=NAME        a folder NAME below --data_path, or a data set that can
                        be downloaded
  --config_files="A B"  yaml files with settings, later ones winning
  --KEY=VALUE           any setting; --KEY VALUE means the same
  --compare[=NAME,...]  train other models too, on the same split with the same
                        seed, and print one table; without names: the backbone
                        without LLM4MSR, and DeepFM
  --nproc=N             processes of this machine; --world_size, --ip, --port,
                        --group_offset as in RecBole
  --oversubscribe=True  more processes than cores
  --traceback           show where an error comes from
  --version             versions of this package, RecBole and Python

Backbones:
{backbones}

Other commands, each with its own --help:
{commands}

Settings:
  --model=NAME --help   those of one model: default, type, meaning
  --help-all            those of every part, RecBole's for data and training too"""

#: Columns of a terminal that is not asked for its width.
_WIDTH = 80


def short_help(commands: Mapping[str, str]) -> str:
    """The arguments of a training, the backbones and the other commands.

    Args:
        commands: What each other command is for, by name.
    """
    from recbole_llm4msr.config.names import announced, backbones

    names = ", ".join((*backbones(), *announced()))
    width = max(map(len, commands))
    return _USAGE.format(
        backbones=textwrap.fill(names, _WIDTH, initial_indent="  ", subsequent_indent="  "),
        commands="\n".join(
            _wrapped(f"  {name:<{width}}  ", meaning) for name, meaning in commands.items()
        ),
    )


def model_help(model: str) -> str:
    """The settings of one model: default, type and meaning of each.

    Args:
        model: Name of the model.

    Raises:
        ValueError: There is no such model.
    """
    from recbole_llm4msr.config.known_keys import properties_folder, recboles_files
    from recbole_llm4msr.config.names import check_model

    check_model(model)
    ours, plain = properties_folder(), model.removeprefix("LLM4MSR_")
    own = ours / "model" / f"{plain}.yaml"
    files = [own] if own.is_file() else recboles_files(plain)[2:]
    parts = [
        f"Settings of {model}: --KEY=VALUE, or `KEY: VALUE` in a yaml file.",
        "Those of data, training and evaluation, which all models have: --help-all",
    ]
    if not files:
        parts.append(f"Those of {plain} are described by the package that it is from.")
    if plain != model:
        files = [ours / "model" / "LLM4MSR.yaml", *files, ours / "knowledge.yaml"]
    return "\n".join([*parts, _settings([*files, ours / "overall.yaml"])])


def all_settings() -> str:
    """Every setting of this package but those of single models, and RecBole's for all models."""
    from recbole_llm4msr.config.known_keys import properties_folder, recboles_files

    ours = properties_folder()
    of_all_models = [ours / "overall.yaml", *reversed(recboles_files(""))]
    return "\n".join(
        [
            "Settings: --KEY=VALUE, or `KEY: VALUE` in a yaml file of --config_files.",
            "Those of one model, with its defaults: --model=NAME --help",
            _settings([ours / "model" / "LLM4MSR.yaml"]),
            _settings([ours / "knowledge.yaml"]),
            _settings(of_all_models),
        ]
    )


def _settings(files: Iterable[Path]) -> str:
    """The settings of yaml files, the one that wins first; a key of several stands in the first."""
    from recbole_llm4msr.config.known_keys import RECBOLES_PROPERTIES, described_keys

    lines, shown = [], set()
    for file in files:
        of_recbole = " of RecBole" if file.is_relative_to(RECBOLES_PROPERTIES) else ""
        lines.append(f"\n{file.parent.name}/{file.name}{of_recbole}")
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
        for key, setting in described_keys(file).items():
            if key not in shown:
                default = setting.default or _on_one_line(values[key])
                lines.append(_wrapped(f"  {key}: ", f"{default}  ({setting.types})"))
                lines.append(_wrapped("      ", setting.meaning))
        shown.update(values)
    return "\n".join(lines)


def _on_one_line(value: object) -> str:
    """A default that the file writes on several lines, as it is given on a command line."""
    if value is None:
        return "~"
    return yaml.safe_dump(value, default_flow_style=True, width=float("inf")).strip()


def _wrapped(start: str, text: str) -> str:
    return textwrap.fill(text, _WIDTH, initial_indent=start, subsequent_indent=" " * len(start))
