"""Parse the key ``download`` of a data set's properties: archives, converter, options.

The mapping looks like this::

    download:
      converter: kuaisar          # kuaisar, amazon or ml-1m
      files:                      # each with url; size, md5 and rows if published
        - url: https://zenodo.org/records/8181109/files/KuaiSAR_v2.zip
          size: 845.1 MB
          md5: ed630f47fb013c5b31bb020c483ef262
      options: {release: full}    # options of the converter
      note: licence and source    # shown before the download
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping
from pathlib import Path

import yaml

from dataset_converters.amazon import AmazonOptions, convert_amazon
from dataset_converters.download.remote_file import RemoteFile
from dataset_converters.errors import ConverterError, nearest
from dataset_converters.kuaisar import KuaisarOptions, convert_kuaisar
from dataset_converters.ml_1m import Ml1mOptions, convert_ml_1m
from dataset_converters.writing import Report, Reporter

_OPTIONS: dict[str, type] = {
    "kuaisar": KuaisarOptions,
    "amazon": AmazonOptions,
    "ml-1m": Ml1mOptions,
}
_CONVERT = {"kuaisar": convert_kuaisar, "amazon": convert_amazon, "ml-1m": convert_ml_1m}
_KEYS = ("converter", "files", "options", "note")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Archives, converter and options of one data set.

    Attributes:
        name: Name of the data set.
        converter: ``kuaisar``, ``amazon`` or ``ml-1m``.
        files: Archives to download.
        options: Options of the converter.
        note: Text to show before the download."""

    name: str
    converter: str
    files: tuple[RemoteFile, ...]
    options: KuaisarOptions | AmazonOptions | Ml1mOptions
    note: str

    @classmethod
    def parse(cls, name: str, source: Mapping[str, object]) -> Recipe:
        """Parse and check the mapping under ``download``.

        Args:
            name: Name of the data set.
            source: The mapping (see the module's docstring).

        Raises:
            ConverterError: A key, the converter or an option is unknown or missing.
        """
        where = f"{name}.yaml, download"
        for key in source:
            if key not in _KEYS:
                raise ConverterError(f"{where}: unknown key {key!r}{nearest(str(key), _KEYS)}")
        converter = str(source.get("converter"))
        if converter not in _OPTIONS:
            raise ConverterError(
                f"{where}.converter: {converter}; must be one of {', '.join(_OPTIONS)}"
            )
        listed = source.get("files")
        if not isinstance(listed, list) or not listed:
            raise ConverterError(f"{where}.files: must be a list of mappings with url")
        known = [field.name for field in dataclasses.fields(RemoteFile)]
        files = []
        for entry in listed:
            extra = set(entry) - set(known) if isinstance(entry, Mapping) else {"?"}
            if extra or "url" not in entry:
                raise ConverterError(
                    f"{where}.files: every file needs url and may have {', '.join(known)}"
                )
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
        """Return the folder of the archives."""
        return target.parent / "raw" / self.name

    def source(self, target: Path) -> Path:
        """Return the converter's input: the archive, or the folder (Amazon)."""
        folder = self.raw_folder(target)
        return folder if self.converter == "amazon" else folder / self.files[0].name

    def convert(self, target: Path, reporter: Reporter) -> Report:
        """Run the converter on the archives."""
        convert = _CONVERT[self.converter]
        return convert(self.source(target), target, self.options, reporter)  # type: ignore[operator]

    def command(self, target: Path) -> str:
        """Return the command that converts archives that were put into the folder by hand."""
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


def read_download_section(properties: Path) -> dict[str, object]:
    """Return the mapping under ``download`` of a data set's properties.

    Raises:
        ConverterError: The file is missing, is not YAML, or has no such key.
    """
    try:
        settings = yaml.safe_load(properties.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConverterError(f"{properties}: {error}") from error
    source = settings.get("download") if isinstance(settings, dict) else None
    if not isinstance(source, dict):
        raise ConverterError(f"{properties}: no key download with the address of the data")
    return source
