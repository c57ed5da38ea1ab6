"""Read and write a checkpoint's file; damage is detected, and an error names the file.

What:     :func:`load_checkpoint` compares the checksums of the file and the shape of its content;
          ``torch.load`` and ``torch.save`` of RecBole's trainer go through this module.
Why:      ``torch.load`` does not compare the CRC-32 that ``torch.save`` writes for every tensor, so
          that a flipped bit gives other weights; RecBole 1.2.1 trusts whatever it has loaded.
When not: the files are torch's own, and any torch reads them without this package.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from recbole.config import Config

from dataset_converters.full_disk import FullDiskError, free_beside, in_bytes, reason_of

_BLOCK = 1 << 22


class CheckpointError(ValueError):
    """A file is not a checkpoint, is damaged, or holds what a checkpoint must not hold."""


def save_checkpoint(state: dict[str, Any], file: str | Path) -> None:
    """Write a checkpoint with torch's own protocol.

    Raises:
        OSError: It could not be written; the message names the file, the space needed and left.
    """
    try:
        _write(state, file)
    except (OSError, RuntimeError) as error:
        needed = sum(t.numel() * t.element_size() for t in _tensors(state))
        kind = OSError if reason_of(error) is None else FullDiskError
        raise kind(
            f"The checkpoint could not be written to {Path(file).absolute().parent} "
            f"({_reason(error)}). It needs about {in_bytes(needed)}, and "
            f"{in_bytes(free_beside(Path(file)))} are free there. Free some space or set "
            "checkpoint_dir; an earlier checkpoint is as it was."
        ) from error


def _write(state: dict[str, Any], file: str | Path) -> None:
    try:
        torch.save(state, file)
    except RuntimeError:  # torch's own writer hides the system's reason; Python's keeps it
        with Path(file).open("wb") as opened:
            torch.save(state, opened)


def _reason(error: BaseException | None) -> str:
    """The system's reason for a failed write, else the first line of the error."""
    first, seen = error, error
    while seen is not None:
        if isinstance(seen, OSError) and seen.strerror:
            return seen.strerror
        seen = seen.__context__
    return _first_line(first)


def load_checkpoint(path: str | Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Load a checkpoint, refusing anything but tensors, plain values and the allowed classes.

    Args:
        path: The ``.pth`` file.
        device: Where the tensors go.

    Returns:
        RecBole's checkpoint: ``config``, ``state_dict``, ``optimizer``, ``epoch`` and so on.

    Raises:
        FileNotFoundError: There is no such file.
        CheckpointError: It is not a checkpoint, it is damaged, or it holds a class that is not
            allowed.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such checkpoint")
    _compare_checksums(path)
    try:
        checkpoint = torch.load(path, map_location=device, weights_only=True)
    except pickle.UnpicklingError as error:
        reason = next((line for line in str(error).splitlines() if "GLOBAL" in line), "")
        if reason:
            raise CheckpointError(
                f"{path}: refused, nothing of it was executed. It holds something a checkpoint "
                f"does not need: {reason.strip()}"
            ) from error
        raise CheckpointError(f"{path}: this is not a checkpoint") from error
    except Exception as error:  # whatever a restored object or torch's reader makes of odd content
        raise CheckpointError(
            f"{path}: this is not a checkpoint ({type(error).__name__}: {_first_line(error)})"
        ) from error
    _check_shape(path, checkpoint)
    return checkpoint


def _compare_checksums(path: Path) -> None:
    """Compare the CRC-32 of every part of torch's archive, which torch writes and does not read."""
    if not zipfile.is_zipfile(path):
        return  # torch's older format has no checksums
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                with archive.open(name) as part:
                    while part.read(_BLOCK):
                        pass
    except (zipfile.BadZipFile, NotImplementedError, OSError, RuntimeError, ValueError) as error:
        raise CheckpointError(
            f"{path}: the checkpoint is damaged ({_first_line(error)}). Copy it again, or "
            "train again."
        ) from error
    except EOFError as error:
        raise CheckpointError(f"{path}: the checkpoint is damaged: it ends too early") from error


def _check_shape(path: Path, checkpoint: Any) -> None:
    """Check that the parts of a checkpoint are of the types that RecBole writes."""
    missing = {"config", "state_dict"} - set(checkpoint if isinstance(checkpoint, dict) else ())
    if missing:
        raise CheckpointError(
            f"{path}: not a RecBole checkpoint, it lacks {' and '.join(sorted(missing))}"
        )
    config, weights = checkpoint["config"], checkpoint["state_dict"]
    if not isinstance(config, Config) or "final_config_dict" not in vars(config):
        raise CheckpointError(
            f"{path}: not a RecBole checkpoint, its config is a {type(config).__name__} and not a "
            "configuration"
        )
    if not isinstance(weights, dict) or not all(isinstance(name, str) for name in weights):
        raise CheckpointError(
            f"{path}: not a RecBole checkpoint, its state_dict is a {type(weights).__name__} and "
            "not a mapping of names to tensors"
        )
    optimizer = checkpoint.get("optimizer")
    if optimizer is not None and not isinstance(optimizer, dict):
        raise CheckpointError(
            f"{path}: not a RecBole checkpoint, its optimizer is a {type(optimizer).__name__}"
        )


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _tensors(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors(part)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
