"""A data set that is not there: download, verify, convert.

``prepare`` reads the mapping under the key ``download`` of a data set's properties::

    download:
      converter: kuaisar          # kuaisar or amazon
      files:                      # each with url, and size, md5, rows as far as published
        - url: https://zenodo.org/records/8181109/files/KuaiSAR_v2.zip
          size: 845.1 MB
          md5: ed630f47fb013c5b31bb020c483ef262
      options: {release: full}    # options of the converter
      note: licence and source    # shown before downloading
"""

from __future__ import annotations

import dataclasses
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml
from rich.console import Console

from dataset_converters.amazon import AmazonOptions, convert_amazon
from dataset_converters.errors import ConverterError, DownloadError, nearest
from dataset_converters.fetch import RemoteFile, fetch, verify
from dataset_converters.kuaisar import KuaisarOptions, convert_kuaisar
from dataset_converters.report import Report, Reporter

_OPTIONS: dict[str, type] = {"kuaisar": KuaisarOptions, "amazon": AmazonOptions}
_KEYS = ("converter", "files", "options", "note")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a data set is made: files, converter, options."""

    name: str
    converter: str
    files: tuple[RemoteFile, ...]
    options: KuaisarOptions | AmazonOptions
    note: str

    @classmethod
    def read(cls, name: str, source: Mapping[str, object]) -> Recipe:
        """Check the mapping of a data set's properties.

        Raises:
            ConverterError: A key, the converter or an option is unknown or missing.
        """
        where = f"{name}.yaml, download"
        for key in source:
            if key not in _KEYS:
                raise ConverterError(f"{where}: unknown key {key!r}{nearest(str(key), _KEYS)}")
        converter = str(source.get("converter"))
        if converter not in _OPTIONS:
            raise ConverterError(f"{where}.converter: {converter}; one of {', '.join(_OPTIONS)}")
        listed = source.get("files")
        if not isinstance(listed, list) or not listed:
            raise ConverterError(f"{where}.files: a list of mappings with url")
        known = [field.name for field in dataclasses.fields(RemoteFile)]
        files = []
        for entry in listed:
            extra = set(entry) - set(known) if isinstance(entry, Mapping) else {"?"}
            if extra or "url" not in entry:
                raise ConverterError(f"{where}.files: each has url and any of {', '.join(known)}")
            files.append(RemoteFile(**entry))
        options = dict(source.get("options") or {})  # type: ignore[call-overload]
        fields = [field.name for field in dataclasses.fields(_OPTIONS[converter])]
        for key, value in options.items():
            if key not in fields:
                raise ConverterError(f"{where}.options: unknown {key!r}{nearest(key, fields)}")
            if isinstance(value, list):
                options[key] = tuple(value)
        note = str(source.get("note") or "")
        return cls(name, converter, tuple(files), _OPTIONS[converter](**options), note)

    def raw_folder(self, target: Path) -> Path:
        """Where the archives of a data set are put."""
        return target.parent / "raw" / self.name

    def source(self, target: Path) -> Path:
        """What the converter reads: the archive, or the folder when there are several files."""
        folder = self.raw_folder(target)
        return folder / self.files[0].name if self.converter == "kuaisar" else folder

    def convert(self, target: Path, reporter: Reporter) -> Report:
        """Run the converter on the archives."""
        run = {"kuaisar": convert_kuaisar, "amazon": convert_amazon}[self.converter]
        return run(self.source(target), target, self.options, reporter)  # type: ignore[operator]

    def command(self, target: Path) -> str:
        """The command that converts archives put there by hand."""
        words = ["python", "-m", "dataset_converters", self.converter]
        words += ["--input", str(self.source(target)), "--output", str(target)]
        default = _OPTIONS[self.converter]()
        flags = []
        for field in dataclasses.fields(self.options):
            value, option = getattr(self.options, field.name), field.name.replace("_", "-")
            if value == getattr(default, field.name):
                continue
            if field.name == "meta":
                flags.append("--no-meta")
            elif value is True:
                flags.append(f"--{option}")
            elif field.name == "item_types":
                flags += [f"--{option}", ",".join(value)]
            elif isinstance(value, tuple):
                flags += [f"--{option}", *value]
            else:
                flags += [f"--{option}", str(value)]
        return shlex.join([*words, *flags])


def read_source(properties: Path) -> dict[str, object]:
    """Return the mapping under ``download`` of a data set's properties.

    Raises:
        ConverterError: The file is not there, is no YAML, or has no such key.
    """
    try:
        settings = yaml.safe_load(properties.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConverterError(f"{properties}: {error}") from error
    source = settings.get("download") if isinstance(settings, dict) else None
    if not isinstance(source, dict):
        raise ConverterError(f"{properties}: no key download that says where the data comes from")
    return source


def prepare(
    name: str, source: Mapping[str, object], target: Path, *, yes: bool = True, quiet: bool = False
) -> None:
    """Make the data set ``name`` in the folder ``target``, complete or not at all.

    Archives go to (or are found in) ``target/../raw/<name>/``; they stay there afterwards, so
    that another conversion needs no network. A process that comes second waits for the first.

    Args:
        name: Name of the data set.
        source: The mapping under ``download`` of its properties (see the module's head).
        target: Its folder, ``.../<name>``. If it holds ``<name>.inter``, nothing is done.
        yes: Download without asking.
        quiet: No progress bars and no table.

    Raises:
        DownloadError: An archive could not be had, is not what was published, or could not be
            converted. The message names the archives with size and md5, where to put them,
            and the command to continue.
        ConverterError: ``source`` is malformed.
    """
    target = Path(target)
    if target.name != name:
        raise ConverterError(f"the folder of data set {name} is called {name}, not {target.name}")
    recipe = Recipe.read(name, source)
    if _is_there(target):
        return
    folder = recipe.raw_folder(target)
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True, quiet=quiet)
    with _alone(folder):
        if _is_there(target):
            return
        _collect(recipe, target, console, yes=yes, quiet=quiet)
        try:
            report = recipe.convert(target, Reporter(quiet=quiet))
        except ConverterError as error:
            raise DownloadError(
                f"{name}: the archives in {folder} could not be converted: {error}\n"
                f"  after repairing that: {recipe.command(target)}"
            ) from error
    report.show(console)


def _is_there(target: Path) -> bool:
    return (target / f"{target.name}.inter").is_file()


def _collect(recipe: Recipe, target: Path, console: Console, *, yes: bool, quiet: bool) -> None:
    """Have every archive in its place, verified."""
    folder = recipe.raw_folder(target)
    wanted = []
    for remote in recipe.files:
        path = folder / remote.name
        if not path.is_file():
            wanted.append(remote)
        elif (fault := verify(path, remote)) is not None:
            raise DownloadError(_by_hand(recipe, target, f"{path} cannot be used: {fault}"))
    if not wanted:
        return
    listed = "\n".join(f"  {remote.describe()}" for remote in wanted)
    console.print(
        f"{recipe.name} is not in {target.parent}; downloading\n{listed}\n{recipe.note}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    if not yes and not _agreed():
        raise DownloadError(_by_hand(recipe, target, "the download was declined"))
    for remote in wanted:
        try:
            fetch(remote, folder, quiet=quiet)
        except DownloadError as error:
            raise DownloadError(_by_hand(recipe, target, str(error))) from error


def _agreed() -> bool:
    if not sys.stdin.isatty():
        return False
    return input("Download now? [y/N] ").strip().lower() in ("y", "yes")


def _by_hand(recipe: Recipe, target: Path, reason: str) -> str:
    """The one message: what is wanted, where to put it, how to go on."""
    folder = recipe.raw_folder(target)
    listed = "\n".join(f"    {remote.describe()}" for remote in recipe.files)
    return (
        f"{recipe.name}: {reason}\n"
        f"  wanted:\n{listed}\n"
        f"  put there by hand: {folder.absolute()}/\n"
        "  then repeat the command (an archive found there is verified and used), or convert with\n"
        f"    {recipe.command(target)}"
    )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the system frees it even when the process is killed."""
    with (folder / ".lock").open("w") as lock:
        try:
            import fcntl
        except ImportError:  # no such locks on this system
            yield
            return
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
