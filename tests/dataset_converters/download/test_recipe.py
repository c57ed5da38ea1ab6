"""The key download of properties: errors, and the properties in this repository."""

import json
from pathlib import Path

import pytest
import yaml

from dataset_converters.amazon import amazon_settings
from dataset_converters.download import Recipe, RemoteFile, prepare_dataset, read_download_section
from dataset_converters.errors import ConverterError
from dataset_converters.kuaisar import kuaisar_settings
from dataset_converters.ml_1m import ml_1m_settings
from tests.dataset_converters.download.web_server import source_of

PROPERTIES = Path(__file__).parents[3] / "properties" / "dataset"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"convertor": "kuaisar"}, "unknown key 'convertor'.*did you mean 'converter'"),
        ({"converter": "ml"}, "converter: ml; must be one of kuaisar, amazon, ml-1m"),
        ({"files": []}, "a list of mappings"),
        ({"files": [{"link": "x"}]}, "every file needs url"),
        ({"options": {"kcore": 5}}, "unknown 'kcore'.*did you mean 'k_core'"),
    ],
)
def test_malformed_download_sections(change: dict, message: str, tmp_path: Path) -> None:
    source = {**source_of(RemoteFile("http://127.0.0.1:9/f.zip")), **change}
    with pytest.raises(ConverterError, match=message):
        prepare_dataset("k", source, tmp_path / "k", quiet=True)


DOWNLOADED = [path for path in sorted(PROPERTIES.glob("*.yaml")) if "download:" in path.read_text()]


@pytest.mark.parametrize("path", DOWNLOADED, ids=lambda path: path.stem)
def test_shipped_properties(path: Path, tmp_path: Path) -> None:
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    recipe = Recipe.parse(path.stem, read_download_section(path))
    names = [file.name for file in recipe.files]
    assert len(set(names)) == len(names)
    if recipe.converter == "kuaisar":
        written = kuaisar_settings()
    elif recipe.converter == "ml-1m":
        written = ml_1m_settings()
    else:
        written = amazon_settings()
        for category in recipe.options.categories:  # type: ignore[union-attr]
            assert sum(category in name for name in names) == 2
    # Properties also choose a language model, which a conversion does not.
    for key in ("download", "knowledge", "llm"):
        settings.pop(key, None)
    # The converter writes the same settings beside the atomic files.
    assert json.dumps(settings) == json.dumps(written)
