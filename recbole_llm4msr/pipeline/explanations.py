"""Add the file or the setting at fault to errors of RecBole and of the system."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from recbole_llm4msr.config import ConfigError

#: Settings that drop rows when a data set is read.
_FILTERS = (
    "user_inter_num_interval",
    "item_inter_num_interval",
    "val_interval",
    "filter_inter_by_user_or_item",
    "rm_dup_inter",
)


@contextmanager
def explaining_empty_data(config: Any) -> Iterator[None]:
    """Name the file and the filters where RecBole says only that nothing is left.

    Raises:
        ValueError: A file has no row, or the filters leave none.
    """
    try:
        yield
    except ValueError as error:
        if "feat is empty" not in str(error):
            raise
        folder, name = Path(config["data_path"]), config["dataset"]
        files = [folder / f"{name}.{suffix}" for suffix in ("inter", "user", "item")]
        for file in filter(Path.is_file, files):
            with file.open("rb") as lines:
                if len([line for line, _ in zip(lines, range(2), strict=False)]) < 2:
                    raise ValueError(f"{file}: there is no row below the header") from error
        written = [f"{key}: {config[key]}" for key in _FILTERS if config.place_of(key)]
        raise ValueError(
            f"{files[0]}: no row is left after the filters ("
            + (", ".join(written) or "filter_inter_by_user_or_item: True")
            + "); widen them, or compare the ids of the files"
        ) from error


@contextmanager
def explaining_nan(config: Any) -> Iterator[None]:
    """Name the settings that help where RecBole says only that the loss is NaN.

    Raises:
        ValueError: The loss of the training is NaN.
    """
    try:
        yield
    except ValueError as error:
        if "loss is nan" not in str(error):
            raise
        raise ValueError(
            f"learning_rate: {config['learning_rate']} and these data make the training loss NaN; "
            "try a tenth of it, scale numerical features (normalize_all: True), or limit gradients "
            "(clip_grad_norm: {max_norm: 1.0}, embedding_optimizer: dense)"
        ) from error


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
