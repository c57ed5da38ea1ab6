"""Give each run a log file of its own.

What:     RecBole 1.2.1's ``init_logger`` names the log by model, data set, second and
          configuration. :func:`init_logger` creates the file first, and puts a number behind the
          time where the name is in use.
Why:      two runs with the same settings that start in the same second write into one file, and
          into one folder of TensorBoard, which is named after it.
When not: RecBole's own function, called directly, is unchanged.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from itertools import count
from pathlib import Path

from recbole.utils import logger


def init_logger(config) -> None:
    """RecBole's ``init_logger``, with a file that no other run has.

    The file is created before it is opened; a name in use gets a number behind the time.

    Raises:
        OSError: The folder of logs cannot be written to.
    """
    get_local_time = logger.get_local_time

    def unused_time() -> str:
        values = "".join(str(value) for value in config.final_config_dict.values())
        end = hashlib.md5(values.encode(), usedforsecurity=False).hexdigest()[:6]
        time, model = get_local_time(), config["model"]
        folder = Path("log", model)
        for number in count(1):
            name = time if number == 1 else f"{time}-{number}"
            with suppress(FileExistsError):
                (folder / f"{model}-{config['dataset']}-{name}-{end}.log").touch(exist_ok=False)
                return name
        raise AssertionError("the names have no end")

    logger.get_local_time = unused_time
    try:
        logger.init_logger(config)
    finally:
        logger.get_local_time = get_local_time
