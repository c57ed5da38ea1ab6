"""Make the folders that RecBole writes to, with an error that says what to change."""

from __future__ import annotations

from pathlib import Path

from recbole_llm4msr.config import ConfigError


def make_log_folder(model: str) -> None:
    """Make ``log/<model>`` in the current folder; RecBole's processes would race for it.

    Raises:
        ConfigError: It cannot be made.
    """
    folder = Path("log", model)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{folder} cannot be made in {Path.cwd()} ({error.strerror}). RecBole writes log/ and "
            "log_tensorboard/ into the current folder, and no setting moves them: start the "
            "command in a folder that can be written to"
        ) from error
