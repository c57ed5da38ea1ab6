"""Check that RecBole 1.2.1 is installed, and name the command that installs it; versions.

The ray that RecBole 1.2.1 requires has no build for Python 3.12 and later, so that RecBole cannot
be a requirement of this package that pip resolves.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

VERSION = "1.2.1"
COMMAND = f"pip install --no-deps recbole=={VERSION}"


def check_recbole() -> None:
    """Raise an error where RecBole is missing or of another version.

    Importing ``recbole`` costs nothing: it is its submodules that bring torch.

    Raises:
        ImportError: There is none, or another one; the message holds the command that installs it.
        SystemExit: The same, with the message alone, where this package's command is what runs.
    """
    fault = _fault()
    if fault and _is_own_command():
        sys.exit(f"error: {fault}")
    if fault:
        raise ImportError(fault)


def installed_version(package: str) -> str | None:
    """Version of an installed package; ``None`` where it runs from a checkout, or is not there."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _fault() -> str | None:
    if importlib.util.find_spec("recbole") is None:
        return f"RecBole is not installed; run: {COMMAND}"
    found = getattr(importlib.import_module("recbole"), "__version__", "without a version")
    if found != VERSION:
        return f"RecBole {found} is installed, and recbole_llm4msr needs {VERSION}; run: {COMMAND}"
    return None


def _is_own_command() -> bool:
    """Whether this is ``run_recbole.py``, ``recbole-llm4msr`` or ``python -m recbole_llm4msr``."""
    program = Path(sys.argv[0] if sys.argv else "")
    if program.name == "__main__.py":
        return program.parent.name == "recbole_llm4msr"
    return program.stem in ("run_recbole", "recbole-llm4msr")
