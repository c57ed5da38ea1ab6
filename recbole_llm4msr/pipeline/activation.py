"""Import RecBole and torch lazily: at the first use of either, and then all at once.

``--help``, or an error about the arguments, needs neither. So ``import recbole_llm4msr`` only sets
up a watch: the first import of a submodule of RecBole, or of a module of this package that needs
RecBole, is preceded by :func:`activate`, which patches RecBole and registers our models with it, so
that ``recbole.quick_start`` knows them when it is imported after this package.
"""

from __future__ import annotations

import importlib
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from recbole_llm4msr.util.requirement import check_recbole

_HERE = "recbole_llm4msr"

#: Modules of this package that use only the yaml files of RecBole, or nothing of it.
_LIGHT = frozenset(
    f"{_HERE}.{name}"
    for name in (
        "__main__",
        "cli",
        "cli.benchmark",
        "cli.errors",
        "cli.export",
        "cli.help",
        "cli.knowledge",
        "cli.knowledge_audit",
        "cli.knowledge_settings",
        "cli.knowledge_store",
        "cli.main",
        "cli.predict",
        "cli.recommend",
        "cli.serve",
        "config",
        "config.command_line",
        "config.compared",
        "config.checks_before_import",
        "config.known_keys",
        "config.names",
        "config.schema",
        "config.schema.backbones",
        "config.schema.bounds",
        "config.schema.intervals",
        "config.schema.knowledge",
        "config.schema.llm4msr",
        "config.schema.mappings",
        "config.schema.option",
        "config.schema.run",
        "config.value_checks",
        "config.value_types",
        "properties",
        "pipeline",
        "pipeline.activation",
        "pipeline.processes",
        "serving",
        "serving.arrays",
        "serving.artefact",
        "serving.columns",
        "serving.errors",
        "serving.fields",
        "serving.graphs",
        "serving.http",
        "serving.http.answers",
        "serving.http.app",
        "serving.http.faults",
        "serving.http.guards",
        "serving.http.json_body",
        "serving.http.metrics",
        "serving.http.schemas",
        "serving.http.server",
        "serving.http.swapping",
        "serving.id_scorer",
        "serving.manifest",
        "serving.predict_file",
        "serving.predict_on_ray",
        "serving.recommend",
        "serving.row_files",
        "serving.rows",
        "serving.scorer",
        "serving.text_rows",
        "serving.user_encoder_files",
        "serving.vocabulary",
        "util",
        "util.atomic_write",
        "util.checksum",
        "util.missing_dataset",
        "util.parent_watch",
        "util.requirement",
        "util.staging",
    )
)


class _Loaded(Loader):
    """Returns a module that :func:`activate` imported while Python was looking for it.

    Python would run its file again: what is in ``sys.modules`` by then is loaded by its own
    ``__spec__``, so that this one has to stand there until it is.
    """

    def __init__(self, module: ModuleType) -> None:
        self.module, self.spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec


class _Watch(MetaPathFinder):
    """Import hook before Python's own finders until something of RecBole is imported."""

    def find_spec(self, name: str, path=None, target=None) -> ModuleSpec | None:
        package, _, rest = name.partition(".")
        if not rest or package not in ("recbole", _HERE) or name in _LIGHT:
            return None
        activate()
        module = sys.modules.get(name)
        if module is None:
            return None
        module.__spec__ = ModuleSpec(name, _Loaded(module))
        return module.__spec__


_watch = _Watch()


def watch() -> None:
    """Install the import hook; activate at once where RecBole is imported already."""
    sys.meta_path.insert(0, _watch)
    if any(name.startswith("recbole.") for name in sys.modules):
        activate()


def activated() -> bool:
    """Whether RecBole has been imported and knows our models."""
    return _watch not in sys.meta_path


def activate() -> None:
    """Import RecBole, apply the patches and register our models. Safe to call again.

    Raises:
        ImportError: RecBole is not installed, or not in the version that this package needs.
    """
    if activated():
        return
    check_recbole()
    sys.meta_path.remove(_watch)
    try:
        compat = importlib.import_module(f"{_HERE}.compat")
        compat.apply()
        importlib.import_module(f"{_HERE}.pipeline.registration").register_with_recbole()
    except BaseException:  # the next import tries again, and fails the same way
        sys.meta_path.insert(0, _watch)
        raise
