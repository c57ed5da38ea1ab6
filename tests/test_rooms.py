"""The packages inside recbole_llm4msr: which may import which, and what a fresh import loads."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import recbole_llm4msr

PACKAGE = "recbole_llm4msr"
ROOT = Path(recbole_llm4msr.__file__).parents[1]

#: The rooms that each room may import from, besides itself.
MAY_IMPORT = {
    "util": set(),
    "compat": {"util"},
    "data": {"compat", "util"},
    "knowledge": {"data", "compat", "util"},
    "model": {"data", "compat", "util"},
    "config": {"knowledge", "model", "data", "compat", "util"},
    "evaluation": {"config", "knowledge", "model", "data", "compat", "util"},
    "training": {"evaluation", "knowledge", "model", "data", "compat", "util"},
}
MAY_IMPORT["pipeline"] = set(MAY_IMPORT)
MAY_IMPORT["serving"] = set(MAY_IMPORT)
MAY_IMPORT["cli"] = set(MAY_IMPORT)

#: Modules that lie beside the rooms and count as part of one: `quick_start` is public by this name.
ROOM_OF_MODULE = {"quick_start": "pipeline", "__main__": "cli", "": "cli"}

#: Imported where they are used, never before.
LATE = ["transformers", "ray", "torch._dynamo", "matplotlib", "plotly", "sklearn", "fastapi"]


def modules() -> dict[str, Path]:
    """Every module of the package, by its full name."""
    found = {}
    for file in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = file.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imports_of(file: Path, known: dict[str, Path]) -> set[str]:
    """Modules of the package that a file imports anywhere, below TYPE_CHECKING too."""
    imported = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                imported.add(submodule if submodule in known else node.module)
    return {name for name in imported if name.partition(".")[0] == PACKAGE}


def room_of(module: str) -> str:
    """The room of a module: the first part of its name below the package."""
    first = module.removeprefix(PACKAGE).lstrip(".").partition(".")[0]
    return ROOM_OF_MODULE.get(first, first)


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    known = modules()
    found = {name: imports_of(file, known) for name, file in known.items()}
    backbones = f"{PACKAGE}.model.backbone"  # imports all of its modules, by name
    found[backbones] |= {name for name in known if name.startswith(f"{backbones}.")}
    return found


def test_every_package_is_a_room_of_the_table(imports) -> None:
    assert {room_of(module) for module in imports} == set(MAY_IMPORT)


def test_every_imported_module_exists(imports) -> None:
    assert set().union(*imports.values()) <= set(imports)


def test_no_modules_import_each_other_in_a_circle(imports) -> None:
    TopologicalSorter(imports).prepare()  # raises CycleError, which lists the circle


def test_rooms_import_only_rooms_below_them(imports) -> None:
    upward = {
        f"{module} imports {name}"
        for module, names in imports.items()
        for name in names
        if room_of(name) not in MAY_IMPORT[room_of(module)] | {room_of(module)}
    }
    assert not upward


def test_exported_models_are_used_by_modules_that_need_no_recbole(imports) -> None:
    apart = (".export", ".new_users")  # which say so
    used = {m for m in imports if room_of(m) == "serving" and not any(a in m for a in apart)}
    names = {name for module in used for name in imports[module]}
    assert used and {room_of(name) for name in names} == {"serving", "util"}
    assert not [name for name in names if any(a in name for a in apart)]


def loaded_by(statement: str) -> set[str]:
    """Modules of LATE that a fresh process has loaded after a statement."""
    code = f"import sys\n{statement}\nprint('loaded:', *(set({LATE}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return set(done.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize(
    ("statement", "loaded"),
    [
        ("import recbole_llm4msr", set()),
        # RecBole's own evaluator imports scikit-learn with its metrics.
        ("from recbole_llm4msr import run", {"sklearn"}),
        ("import recbole_llm4msr.cli.main", set()),
    ],
)
def test_a_fresh_import_loads_nothing_before_it_is_needed(statement, loaded) -> None:
    assert loaded_by(statement) == loaded
