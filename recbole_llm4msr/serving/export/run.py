"""Export a checkpoint: load it with its data, and write the artefact."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from recbole_llm4msr.pipeline.trained_model import load_data_and_model
from recbole_llm4msr.serving.errors import MissingPackageError
from recbole_llm4msr.serving.export.user_layers import Precision


def export_checkpoint(
    model_file: str | Path,
    output: str | Path,
    *,
    data_path: str | Path | None = None,
    user_layers: Precision = "float32",
    with_history: bool = False,
    with_encoder: bool = False,
    overwrite: bool = False,
    report: Callable[[str], None] = lambda step: None,
) -> dict[str, Any]:
    """Write the artefact of a checkpoint.

    Args:
        model_file: The ``.pth`` file.
        output: The folder to make.
        data_path: Where the data set is now, if it was moved since the training.
        user_layers: Precision of the stored user layers: float32, float16 or int8.
        with_history: Whether the items that users have seen, which are training data, are stored.
        with_encoder: Whether template, texts of items and encoder are stored, which make the layers
            of new users.
        overwrite: Whether an existing artefact is replaced.
        report: Called with the name of every step.

    Returns:
        The manifest.

    Raises:
        ExportError: The model or an option cannot be exported, or the folder exists.
        FileNotFoundError: There is no such checkpoint or data set.
        MissingPackageError: The packages of the extra ``export`` are not installed.
    """
    try:
        from recbole_llm4msr.serving.export.write import check_options, export_model
    except ImportError as error:
        raise MissingPackageError(
            f"{error.name} is not installed; run: pip install 'recbole_llm4msr[export]'"
        ) from error
    check_options(Path(output), user_layers, overwrite)
    config, model, _, train, _, test = load_data_and_model(
        model_file, data_path=data_path, device="cpu"
    )
    return export_model(
        config,
        model,
        train.dataset,
        test.dataset,
        output,
        user_layers=user_layers,
        with_history=with_history,
        with_encoder=with_encoder,
        overwrite=overwrite,
        report=report,
    )
