"""Finding models by name, and backbones that others bring."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import recbole.model.context_aware_recommender as recbole_models
import recbole.utils
import torch

from recbole_llm4msr import LLM4MSR, MultiScenarioRecommender, get_model, register_backbone
from recbole_llm4msr.model import backbone_of, registered_models
from recbole_llm4msr.model.backbone.context_adapter import adapt

from .small import write_dataset

DOCUMENT = Path(__file__).parents[2] / "docs" / "new_backbone.md"


def test_models_are_found_by_name():
    assert get_model("STAR").__name__ == "STAR"
    assert get_model("DeepFM") is recbole_models.DeepFM
    assert backbone_of(get_model("LLM4MSR_STAR")) is get_model("STAR")
    assert backbone_of(get_model("STAR")) is get_model("STAR")
    assert backbone_of(get_model("DeepFM")) is None


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("MMOE", "MMoE"),
        ("Sharedbottom", "SharedBottom"),
        ("deepfm", "DeepFM"),
        ("LLM4MSR_Star", "LLM4MSR_STAR"),
        ("LLM4MSR_deepfm", "LLM4MSR_DeepFM"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(wrong, right):
    with pytest.raises(ValueError, match=rf"no model '{wrong}'.*Did you mean .*\b{right}\b"):
        get_model(wrong)


def test_only_backbones_are_registered():
    with pytest.raises(TypeError, match="not a subclass of MultiScenarioRecommender"):
        register_backbone(recbole_models.FNN)


def test_a_name_cannot_be_registered_twice():
    assert register_backbone(get_model("STAR")) is get_model("STAR")
    other = type("STAR", (MultiScenarioRecommender,), {})
    with pytest.raises(ValueError, match="STAR is already the name of"):
        register_backbone(other)
    assert get_model("STAR") is not other


@pytest.fixture
def forgets():
    """Take the models that a test registers out of the registry again."""
    from recbole_llm4msr.model import registry

    before = dict(registry._models)
    yield
    for name in set(registry._models) - set(before):
        del registry._models[name]
        del sys.modules[f"recbole.model.context_aware_recommender.{name.lower()}"]


def test_a_registered_backbone_gets_its_twin_at_once(small, forgets):
    @register_backbone
    class Constant(MultiScenarioRecommender):
        def __init__(self, config, dataset):
            super().__init__(config, dataset)
            self.logit = torch.nn.Parameter(torch.zeros(()))

        def score(self, x, scenario):
            return self.logit.expand(len(x)) + 0 * x.sum(dim=1)

    for name in ("Constant", "LLM4MSR_Constant"):
        assert name in registered_models()
        assert recbole.utils.get_model(name) is get_model(name)
        assert torch.equal(small.build(name)(small.batch), torch.zeros(64))
    assert issubclass(get_model("LLM4MSR_Constant"), LLM4MSR)


def test_a_model_written_as_recboles_are_becomes_a_backbone(small, forgets):
    class WiderFNN(recbole_models.FNN):
        """A context-aware model of a user's own."""

    backbone = register_backbone(adapt(WiderFNN))
    assert get_model("LLM4MSR_WiderFNN").backbone_class is backbone
    options = {"mlp_hidden_size": [8], "dropout_prob": 0.0}
    model = small.build("LLM4MSR_WiderFNN", **options)
    plain = small.build("FNN", **options)
    with torch.no_grad():
        assert torch.equal(model.eval().predict(small.batch), plain.eval().predict(small.batch))


def files_in_the_document() -> dict[str, str]:
    """The files that the page shows: a name in backticks, then a block of code."""
    blocks = re.findall(r"^`([\w/.]+)`[^`]*\n```\w+\n(.*?)^```", DOCUMENT.read_text(), re.M | re.S)
    return dict(blocks)


def test_the_template_is_short():
    template = files_in_the_document()["gated_dnn/model.py"]
    assert len([line for line in template.splitlines() if line.strip()]) <= 40


SCRIPT = """
import sys
from recbole_llm4msr import run
options = {
    "data_path": sys.argv[1], "load_col": None, "TIME_FIELD": None, "epochs": 1, "use_gpu": False,
    "embedding_size": 4, "gated_hidden_size": [8], "knowledge": "none", "metrics": ["LogLoss"],
    "valid_metric": "LogLoss", "checkpoint_dir": sys.argv[2],
    "eval_args": {
        "split": {"RS": [0.8, 0.1, 0.1]}, "order": "RO", "group_by": None, "mode": "labeled"
    },
}
for name in ("GatedDNN", "LLM4MSR_GatedDNN"):
    result = run(name, "brought", config_dict=options)
    print(name, sorted(result["test_result"]))
"""


@pytest.fixture
def package(tmp_path) -> Path:
    """The page's files, written into an empty folder and installed by pip into another."""
    source, site = tmp_path / "source", tmp_path / "site"
    for name, text in files_in_the_document().items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    installed = subprocess.run(
        [*pip, "--no-index", "--disable-pip-version-check", f"--target={site}", str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert installed.returncode == 0, installed.stderr[-3000:]
    return site


def run_script(
    script: str, site: Path, *arguments: Path | str, with_errors: bool = False, code: int = 0
) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(site), *filter(None, sys.path)])},
        cwd=site.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr[-3000:]
    return done.stdout + (done.stderr if with_errors else "")


def test_a_package_brings_the_backbone_of_the_document(package, tmp_path):
    """It is trained under both names, without an import, and with options of its own."""
    write_dataset(tmp_path / "data", "brought", 3, only_ids=True)
    said = run_script(SCRIPT, package, tmp_path / "data", tmp_path / "saved")
    for name in ("GatedDNN", "LLM4MSR_GatedDNN"):
        assert f"{name} ['logloss', 'logloss@mean', 'logloss@s0'" in said


COMMANDS = """
import sys
from recbole_llm4msr.__main__ import main
main(sys.argv[2:] + ["--dataset=brought", "--data_path=" + sys.argv[1]])
"""


def test_the_commands_know_the_options_of_a_brought_backbone(package, tmp_path):
    """They are read, not called unknown, and checked like those of this package."""
    write_dataset(tmp_path / "data", "brought", 3, only_ids=True)
    settings = ["--epochs=1", "--use_gpu=False", "--metrics=['LogLoss']", "--valid_metric=LogLoss"]
    settings += ["--eval_args={order: RO}", "--load_col=None", "--TIME_FIELD=None"]
    given = [package, tmp_path / "data", "--model=GatedDNN", "--gated_hidden_size=[6]", *settings]
    said = run_script(COMMANDS, *given, with_errors=True)
    assert "out_features=6" in said
    assert "not an option" not in said
    wrong = [tmp_path / "data", "--model=GatedDNN", "--gated_hidden_size=wide"]
    said = run_script(COMMANDS, package, *wrong, with_errors=True, code=1)
    assert "gated_hidden_size (command line): 'wide' is not a list of whole numbers" in said
    study = """
from recbole_llm4msr.evaluation.benchmark.plan import study_from_options
settings = {"gated_hidden_size": [6]}
study = study_from_options(dataset="brought", models=["GatedDNN", "STAR"], settings=settings)
print(study.settings)
"""
    said = run_script(study, package, with_errors=True)
    assert "{'gated_hidden_size': [6]}" in said
    assert "gated_hidden_size is not an option of STAR" in said


IMPORTED_FIRST = """
from gated_dnn.model import GatedDNN
import recbole.utils
from recbole_llm4msr import get_model
assert get_model("GatedDNN") is GatedDNN is get_model("LLM4MSR_GatedDNN").backbone_class
assert recbole.utils.get_model("LLM4MSR_GatedDNN").backbone_class is GatedDNN
try:
    get_model("LLM4MSR_Broken")
except ValueError as error:
    print(error)
"""


def test_a_package_may_be_imported_first_and_a_broken_one_stops_nobody_else(package):
    """The first import is what asks for the backbones of installed packages, its own too."""
    (package / "broken.py").write_text("import of_a_package_that_is_not_there\n")
    announced = package / "gated_dnn-1.0.dist-info" / "entry_points.txt"
    announced.write_text(announced.read_text() + "Broken = broken:Broken\n")
    said = run_script(IMPORTED_FIRST, package)
    assert "Broken is announced by an installed package as broken:Broken" in said
    assert "No module named 'of_a_package_that_is_not_there'" in said


def test_the_models_of_the_document_are_those_adapted():
    """The page lists RecBole's models by name: neither more nor fewer than there are."""
    listed = re.search(r"likewise (.*?)\. With both", DOCUMENT.read_text(), re.S)[1]
    names = {"DeepFM", *re.findall(r"\w+", listed.replace(" and ", " "))}
    assert {f"LLM4MSR_{name}" for name in names} == {
        name for name in registered_models() if backbone_of(get_model(name)).__name__ in names
    }
