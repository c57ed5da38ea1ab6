"""Read the places in which the user writes settings: files, ``config_dict`` and command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from recbole_llm4msr.config.checks import ConfigError
from recbole_llm4msr.config.command_line import convert_option, is_own_program, parse_options
from recbole_llm4msr.config.known_keys import known_keys
from recbole_llm4msr.config.places import WrittenPlaces

#: Keys of the command that starts a run; they say where to run, not what.
LAUNCH_KEYS = (
    "config_files", "nproc", "ip", "port", "world_size", "group_offset", "oversubscribe",
)  # fmt: skip


class WrittenSettings(WrittenPlaces):
    """The part of a configuration that reads RecBole's three places, and records them.

    Args:
        command_line: Arguments ``--key=value`` without the program's name; ``None`` reads
            ``sys.argv``.
    """

    def __init__(self, command_line: Sequence[str] | None) -> None:
        super().__init__()
        self._command_line = None if command_line is None else list(command_line)

    def _build_yaml_loader(self) -> type[yaml.SafeLoader]:
        """RecBole's loader, which reads ``1e-3`` as a number, without tags of Python objects."""
        theirs = super()._build_yaml_loader()
        resolvers = {"yaml_implicit_resolvers": theirs.yaml_implicit_resolvers}
        return type("SettingsLoader", (yaml.SafeLoader,), resolvers)

    def _load_config_files(self, file_list: list[str] | None) -> dict[str, Any]:
        filled = []  # RecBole fails on a file that says nothing
        for file in file_list or []:
            given = read_yaml(Path(file), self.yaml_loader)
            self.add_place(str(file), given)
            filled += [file] if given else []
        return super()._load_config_files(filled)

    def _load_variable_config_dict(self, config_dict: dict[str, Any] | None) -> dict[str, Any]:
        self.add_place("config_dict", config_dict or {})
        return super()._load_variable_config_dict(dict(config_dict or {}))

    def _load_cmd_line(self) -> dict[str, Any]:
        given = self._command_line
        if given is None and "ipykernel_launcher" in sys.argv[0]:
            return {}
        options, others = parse_options(sys.argv[1:] if given is None else given)
        if given is not None or is_own_program():
            if others:
                raise ConfigError(
                    f"command line: {' '.join(others)!r} is not an option; write --key=value"
                )
        else:
            options = {key: value for key, value in options.items() if key in known_keys()}
        for key in LAUNCH_KEYS:
            options.pop(key, None)
        self.add_place("command line", options)
        return self._convert_config_dict(options)

    def _convert_config_dict(self, config_dict: dict[str, Any]) -> dict[str, Any]:
        return {key: convert_option(key, value) for key, value in config_dict.items()}


def read_yaml(file: Path, loader: type) -> dict[str, Any]:
    """Read a configuration file; an empty one sets nothing.

    Args:
        file: The file.
        loader: RecBole's loader, which reads ``1e-3`` as a number.

    Raises:
        ConfigError: It does not exist, is not a file of UTF-8 text, or not a yaml mapping.
    """
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), Loader=loader)
    except FileNotFoundError as error:
        raise ConfigError(f"{file}: there is no such configuration file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not a text file in UTF-8: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{file}: not valid yaml: {error}") from error
    if not isinstance(content or {}, dict):
        raise ConfigError(f"{file}: expected lines of `key: value`")
    return content or {}
