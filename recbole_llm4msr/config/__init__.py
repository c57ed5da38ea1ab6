"""Configuration: RecBole's, with this package's properties and with unknown keys refused."""

from recbole_llm4msr.config.config import LAUNCH_KEYS, Config, ConfigError
from recbole_llm4msr.config.keys import known_keys, properties_folder

__all__ = ["LAUNCH_KEYS", "Config", "ConfigError", "known_keys", "properties_folder"]
