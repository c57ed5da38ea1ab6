"""Make a missing data set: download its archives, verify them, convert them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock
from rich.console import Console

from dataset_converters.download.http_fetch import fetch
from dataset_converters.download.recipe import Recipe
from dataset_converters.download.remote_file import verify
from dataset_converters.errors import ConverterError, DownloadError
from dataset_converters.writing import Reporter


def prepare_dataset(
    name: str, source: Mapping[str, object], target: Path, *, quiet: bool = False
) -> None:
    """Download and convert a data set into the folder ``target``, unless it exists.

    Archives are stored in ``target/../raw/<name>/``, where those that exist are used; they are
    kept, so that another conversion needs no network. A second process waits for the first.

    Args:
        name: Name of the data set.
        source: The mapping under ``download`` of its properties (see
            :mod:`dataset_converters.download.recipe`).
        target: Its folder, ``.../<name>``. If it contains ``<name>.inter``, nothing is done.
        quiet: Show neither progress bars nor the final table.

    Raises:
        DownloadError: An archive could not be downloaded, verified or converted. The message
            names the archives with size and md5, the folder to put them in, and the command
            to continue.
        ConverterError: ``source`` is malformed.
    """
    target = Path(target)
    if target.name != name:
        raise ConverterError(
            f"the folder of data set {name} must be called {name}, not {target.name}"
        )
    recipe = Recipe.parse(name, source)
    if _exists(target):
        return
    folder = recipe.raw_folder(target)
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True, quiet=quiet)
    with FileLock(folder / ".lock"):  # released by the system even if the process is killed
        if _exists(target):
            return
        _fetch_missing(recipe, target, console, quiet=quiet)
        try:
            report = recipe.convert(target, Reporter(quiet=quiet))
        except ConverterError as error:
            raise DownloadError(
                f"{name}: the archives in {folder} could not be converted: {error}\n"
                f"  after correcting that: {recipe.command(target)}"
            ) from error
    report.show(console)


def _exists(target: Path) -> bool:
    return (target / f"{target.name}.inter").is_file()


def _fetch_missing(recipe: Recipe, target: Path, console: Console, *, quiet: bool) -> None:
    """Verify the archives in the folder and download the others."""
    folder = recipe.raw_folder(target)
    missing = []
    for remote in recipe.files:
        path = folder / remote.name
        if not path.is_file():
            missing.append(remote)
        elif (fault := verify(path, remote)) is not None:
            raise DownloadError(
                _with_manual_steps(recipe, target, f"{path} cannot be used: {fault}")
            )
    if not missing:
        return
    listed = "\n".join(f"  {remote.describe()}" for remote in missing)
    console.print(
        f"{recipe.name} is not in {target.parent}; downloading\n{listed}\n{recipe.note}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    for remote in missing:
        try:
            fetch(remote, folder, quiet=quiet)
        except DownloadError as error:
            raise DownloadError(_with_manual_steps(recipe, target, str(error))) from error


def _with_manual_steps(recipe: Recipe, target: Path, reason: str) -> str:
    """Add the archives, the folder to put them in, and the command to continue."""
    folder = recipe.raw_folder(target)
    listed = "\n".join(f"    {remote.describe()}" for remote in recipe.files)
    return (
        f"{recipe.name}: {reason}\n"
        f"  files needed:\n{listed}\n"
        f"  download them by hand into: {folder.absolute()}/\n"
        "  then repeat the command, which verifies and uses them, or convert with\n"
        f"    {recipe.command(target)}"
    )
