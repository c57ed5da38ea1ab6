"""Imports at start-up: heavy libraries only when needed; an error where RecBole is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from recbole.evaluator import metric_types

import recbole_llm4msr
from recbole_llm4msr.config import names
from recbole_llm4msr.config.checks_before_import import check_options
from recbole_llm4msr.model import registered_models
from tests.fresh_process import ForkServer

ROOT = Path(recbole_llm4msr.__file__).parents[1]
COMMAND = "pip install --no-deps recbole==1.2.1"
HEAVY = "{'torch', 'pandas', 'polars', 'sklearn', 'recbole.config', 'ray'} & set(sys.modules)"


def python(*arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    where = os.pathsep.join(map(str, filter(None, (path, ROOT))))
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": where},
    )


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--help"],
        ["--help-all"],
        ["--model=LLM4MSR_STAR", "--help"],
        ["--model=STARR", "--dataset=toy"],
        ["--model=STAR", "--dataset=ml-100k", "--compare=STARR"],
        ["--model=STAR"],
        ["--model=STAR", "--dataset=tou"],
        ["--model=STAR", "--dataset=ml-100k", "--epoch=1"],
        ["--model=STAR", "--dataset=ml-100k", "--epochs=a"],
        ["--model=STAR", "--dataset=ml-100k", "stray"],
        ["--model=STAR", "--dataset=ml-100k", "--config_files=none.yaml"],
        ["benchmark", "--help"],
        ["benchmark", "--dataset=toy"],
        ["benchmark", "--dataset=toy", "--models=STARR"],
        ["tune", "--help"],
        ["tune", "--model=STARR", "--dataset=toy"],
        ["convert", "--help"],
        ["knowledge", "--help"],
        ["knowledge", "build", "--help"],
        ["knowledge", "build"],
        ["knowledge", "build", "--dataset=tou"],
        ["knowledge", "build", "--dataset=ml-100k", "stray"],
        ["knowledge", "inspect", "--dataset=ml-100k", "--knowledge_siz=1"],
        ["knowledge", "list"],
        ["knowledge", "verify", "--store=none"],
        ["export", "--help"],
        ["export", "--model_file=none.pth", "--output=out"],
        ["predict", "--help"],
        ["predict", "--artefact=none"],
        ["recommend", "--help"],
        ["serve", "--help"],
    ],
    ids=" ".join,
)
def test_help_and_argument_errors_import_no_heavy_library(arguments: list[str]) -> None:
    heavy = HEAVY.replace("'polars', ", "") if arguments[:1] == ["convert"] else HEAVY
    code = (
        "import sys\nfrom recbole_llm4msr.__main__ import main\n"
        f"try: main({arguments})\nexcept SystemExit: pass\nprint('heavy:', {heavy})"
    )
    done = python("-c", code)
    assert done.stdout.splitlines()[-1] == "heavy: set()", done.stderr


@pytest.fixture(scope="module")
def after_import():
    """Processes in which this package was imported, without torch, before the libraries."""
    with ForkServer("import recbole_llm4msr, sys; assert 'torch' not in sys.modules") as server:
        yield server


@pytest.mark.parametrize(
    "statement",
    [
        "import recbole.quick_start.quick_start as q; q.Config",
        "from recbole.config import Config",
        "import recbole.utils",
        "from recbole_llm4msr import run",
        "from recbole_llm4msr import compat",
        "from recbole_llm4msr.config import Config",
        "import recbole_llm4msr.model.backbone.star",
        "import recbole_llm4msr.quick_start as q; q.run",
        "from recbole_llm4msr.training.trainer import get_trainer",
        "import recbole.data",
        "from recbole.data.interaction import Interaction",
        "import recbole.model.context_aware_recommender",
        "from recbole_llm4msr.knowledge import prepare_knowledge",
    ],
)
def test_models_are_registered_whichever_module_is_imported_first(
    statement, after_import, tmp_path
):
    code = (
        "import recbole_llm4msr, sys\n"
        f"{statement}\nimport recbole.utils, recbole.quick_start, importlib\n"
        "model = recbole.utils.get_model('LLM4MSR_STAR')\n"
        "assert model is recbole_llm4msr.get_model('LLM4MSR_STAR')\n"
        "for name, module in list(sys.modules.items()):\n"
        "    if name.startswith(('recbole.', 'recbole_llm4msr.')) and module.__spec__.loader:\n"
        "        assert importlib.import_module(name) is module\n"
        "        assert type(module.__spec__.loader).__name__ == 'SourceFileLoader', name\n"
        "assert recbole.data.dataset.Dataset in recbole_llm4msr.MultiScenarioDataset.__mro__\n"
        "assert recbole.config.Config in recbole_llm4msr.Config.__mro__\n"
        "from recbole_llm4msr.training.trainer import MultiScenarioTrainer\n"
        "assert recbole.trainer.Trainer in MultiScenarioTrainer.__mro__\n"
        "import recbole.data.interaction as i\n"
        "assert i.Interaction.__getitem__.__module__.startswith('recbole_llm4msr.compat')\n"
        "print(recbole.quick_start.run_recbole.__globals__['Config'].__module__)"
    )
    done = after_import.run(code, output=tmp_path)
    assert done.stdout.split() == ["recbole_llm4msr.pipeline.registration"], done.stderr


def test_recbole_imported_before_this_package_gets_the_models() -> None:
    code = (
        "import numpy as np; np.float_ = np.float64\nimport recbole.utils\n"
        "import recbole_llm4msr; print(recbole.utils.get_model('STAR').__name__)"
    )
    assert python("-c", code).stdout.split() == ["STAR"]


def test_model_names_from_files_equal_the_registry() -> None:
    models = registered_models()
    ours = [
        n for n in models if not n.startswith("LLM4MSR_") and "backbone" in models[n].__module__
    ]
    assert set(names.backbones()) <= set(models)
    assert {n for n in ours if models[n].__module__.startswith("recbole_llm4msr")} == set(
        names.backbones()
    )
    for name in (*models, *names.recboles_context_models(), "BPR", "deepfm", "LightGBM"):
        names.check_model(name)


def test_metric_names_from_files_equal_recboles() -> None:
    assert names.metrics() == tuple(sorted(metric_types))


@pytest.mark.parametrize("name", ["STARR", "LLM4MSR_STARR", "x", "LLM4MSR_", "../x"])
def test_unknown_model_error_is_the_same_before_and_after_imports(name: str) -> None:
    with pytest.raises(ValueError, match="there is no model") as early:
        names.check_model(name)
    with pytest.raises(ValueError, match="there is no model") as late:
        recbole_llm4msr.get_model(name)
    assert str(early.value).split(" Multi-")[0] == str(late.value).split(" Multi-")[0]


@pytest.mark.parametrize(
    "options",
    [
        {"epoch": "1"},
        {"epochs": "a"},
        {"learning_rate": "[1]"},
        {"train_batch_size": "[3]"},
        {"dataset": "tou"},
    ],
)
@pytest.mark.parametrize("model", ["STAR", "LLM4MSR_PLE", "DeepFM"])
def test_option_error_is_the_same_before_and_after_imports(monkeypatch, model, options) -> None:
    given = {"model": model, "dataset": "ml-100k", **options}
    monkeypatch.setattr(sys, "argv", ["run_recbole.py", *(f"--{k}={v}" for k, v in given.items())])
    with pytest.raises((ValueError, OSError)) as early:
        check_options(given, [])
    with pytest.raises((ValueError, OSError)) as late:
        recbole_llm4msr.run(given["model"], given["dataset"])
    assert str(early.value) == str(late.value)


@pytest.mark.parametrize("version", [None, "1.1.1"])
@pytest.mark.parametrize(
    "arguments",
    [
        [str(ROOT / "run_recbole.py"), "--help"],
        ["-m", "recbole_llm4msr", "--model=STAR"],
        ["-m", "recbole_llm4msr", "export", "--help"],
        ["-c", "import recbole_llm4msr; recbole_llm4msr.run"],
        ["-c", "import recbole_llm4msr.model"],
    ],
    ids=lambda arguments: arguments[-1],
)
def test_missing_recbole_error_names_the_install_command(tmp_path, arguments, version) -> None:
    if version is None:  # hides the one that is installed
        hidden = "import importlib.util as u\nfind = u.find_spec\n"
        hidden += "u.find_spec = lambda n, p=None: None if n == 'recbole' else find(n, p)\n"
        (tmp_path / "sitecustomize.py").write_text(hidden)
    else:
        (tmp_path / "recbole.py").write_text(f"__version__ = {version!r}\n")
    done = python(*arguments, path=tmp_path)
    assert done.returncode == 1
    *before, last = done.stderr.splitlines()
    assert last.endswith(f"run: {COMMAND}")
    assert ("RecBole is not installed" if version is None else "RecBole 1.1.1 is") in last
    if arguments[0] != "-c":  # one sentence, and no traceback
        assert not before
        assert last.startswith("error: ")
